// 1 / (1 + exp(-x)). exp of a negative number never overflows; below -104 it is 0 in f32, so the clamp changes nothing.
fn sigmoid(x: f32) -> f32 {
  let t = exp(-min(abs(x), 110.0));
  return select(1.0, t, x < 0.0) / (1.0 + t);
}
