// Weights stored as IEEE halves, two to a word, low half first.
alias W4 = vec2u;
alias W1 = u32;
const W1_SHIFT = 1u;

fn weight4(v: W4) -> vec4f {
  return vec4f(unpack2x16float(v.x), unpack2x16float(v.y));
}

fn weight1(word: W1, index: u32) -> f32 {
  return unpack2x16float(word >> ((index & 1u) * 16u)).x;
}
