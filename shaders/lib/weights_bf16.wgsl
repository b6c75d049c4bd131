// Weights stored as bfloat16 (the upper half of an f32), two to a word, low half first.
alias W4 = vec2u;
alias W1 = u32;
const W1_SHIFT = 1u;

fn weight4(v: W4) -> vec4f {
  return vec4f(bitcast<f32>(v.x << 16u), bitcast<f32>(v.x & 0xffff0000u), bitcast<f32>(v.y << 16u), bitcast<f32>(v.y & 0xffff0000u));
}

fn weight1(word: W1, index: u32) -> f32 {
  return bitcast<f32>((word >> ((index & 1u) * 16u)) << 16u);
}
