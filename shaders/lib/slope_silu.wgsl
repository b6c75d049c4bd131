// The derivative of activation_silu. Behind sigmoid.wgsl.
fn slope(x: f32) -> f32 {
  let s = sigmoid(x);
  return s * (1.0 + x * sigmoid(-x));
}
