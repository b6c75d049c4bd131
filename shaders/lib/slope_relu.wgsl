// The derivative of activation_relu, 0 at 0.
fn slope(x: f32) -> f32 {
  return select(0.0, 1.0, x > 0.0);
}
