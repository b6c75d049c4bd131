// The derivative of activation_gelu, Phi(x) + x phi(x). Behind activation_gelu.wgsl.
fn slope(x: f32) -> f32 {
  let c = clamp(x, -14.5, 14.5);
  return normalBelow(x) + c * 0.39894228040 * exp(-0.5 * c * c);
}
