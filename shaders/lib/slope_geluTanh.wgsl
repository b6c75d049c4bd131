// The derivative of activation_geluTanh. Behind sigmoid.wgsl; the clamp as there.
fn slope(x: f32) -> f32 {
  let c = clamp(x, -11.0, 11.0);
  let u = 1.5957691216 * (c + 0.044715 * c * c * c);
  let s = sigmoid(u);
  return s + c * s * sigmoid(-u) * 1.5957691216 * (1.0 + 0.134145 * c * c);
}
