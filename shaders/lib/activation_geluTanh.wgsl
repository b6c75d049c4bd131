// x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), with (1 + tanh(y)) / 2 = sigmoid(2y). Behind sigmoid.wgsl.
// At 11 the sigmoid is 1 or 0 in f32: the clamp only keeps the cube from overflowing.
fn activation(x: f32) -> f32 {
  let c = clamp(x, -11.0, 11.0);
  return x * sigmoid(1.5957691216 * (c + 0.044715 * c * c * c));
}
