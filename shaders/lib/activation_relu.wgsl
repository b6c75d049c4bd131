// Unlike max(x, 0) this keeps NaN.
fn activation(x: f32) -> f32 {
  return select(x, 0.0, x < 0.0);
}
