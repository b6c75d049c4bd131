// Weights stored as f32. W4: four neighbours of a row (needs cols % 4 == 0). W1: the word that holds one element.
alias W4 = vec4f;
alias W1 = f32;
const W1_SHIFT = 0u;

fn weight4(v: W4) -> vec4f {
  return v;
}

fn weight1(word: W1, index: u32) -> f32 {
  return word;
}
