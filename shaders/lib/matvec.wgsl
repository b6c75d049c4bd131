// Shared by the matvec kernels: y = x W^T (+ bias) (+ y) for few rows of x, with an optional mask on W.
struct Params {
  // Rows of this shard in this dispatch, all of them outputs; columnShift makes them columns of the output and rows of mask and bias.
  rowBegin: u32,
  rowEnd: u32,
  columnShift: u32,
  outStride: u32,
  k: u32,
  wordsPerRow: u32,
  hasMask: u32,
  hasBias: u32,
  accumulate: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(3) var<storage, read> mask: array<u32>;

// Mask bits of 32 neighbours of a weight row, all ones without a mask.
fn kept(row: u32, word: u32) -> u32 {
  if (params.hasMask == 0u) {
    return 0xffffffffu;
  }
  return mask[(row + params.columnShift) * params.wordsPerRow + word];
}

// A selection, not a product: a pruned weight counts as 0 even where it is not finite.
fn keep4(v: vec4f, bits: u32) -> vec4f {
  return select(vec4f(0.0), v, (vec4u(bits) & vec4u(1u, 2u, 4u, 8u)) != vec4u(0u));
}
