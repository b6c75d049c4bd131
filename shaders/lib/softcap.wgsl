// cap * tanh(x / cap), within a few roundings of either. Not the built-in tanh: that may err by 1e-5 and, made of
// exponentials, overflow for large arguments. Near 0 a rational function (Pade 7/6), beyond 1 the exponential, held
// where it cannot overflow. What is not finite stays as it is, so that a cap hides no overflow.
fn softcapped4(x: vec4f, cap: f32) -> vec4f {
  let u = x / cap;
  let size = min(abs(u), vec4f(15.0));
  let y = size * size;
  let above = size * (135135.0 + y * (17325.0 + y * (378.0 + y)));
  let below = 135135.0 + y * (62370.0 + y * (3150.0 + y * 28.0));
  let far = 1.0 - 2.0 / (exp(2.0 * size) + 1.0);
  let t = select(far, above / below, size < vec4f(1.0));
  // By bits: compilers may assume that there is no NaN.
  let bad = (bitcast<vec4u>(x) & vec4u(0x7f800000u)) == vec4u(0x7f800000u);
  return select(cap * select(t, -t, u < vec4f(0.0)), x, bad);
}

fn softcapped(x: f32, cap: f32) -> f32 {
  return softcapped4(vec4f(x), cap).x;
}
