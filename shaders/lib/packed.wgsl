// Shared by the kernels that multiply one row of x with a packed weight: y = x W^T (+ bias) (+ y).
struct Params {
  // Rows of this shard in this dispatch; columnShift makes them columns of the output.
  rowBegin: u32,
  rowEnd: u32,
  columnShift: u32,
  outStride: u32,
  k: u32,
  wordsPerRow: u32,
  // Values of a row and of 32 columns where every group has the same count; 0 where `offsets` says it.
  perRow: u32,
  perWord: u32,
  hasBias: u32,
  accumulate: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> values: array<W1>;
@group(0) @binding(3) var<storage, read> index: array<u32>;
@group(0) @binding(6) var<storage, read> offsets: array<u32>;

fn valueAt(i: u32) -> f32 {
  return weight1(values[i >> W1_SHIFT], i);
}

fn rowStart(row: u32) -> u32 {
  if (params.perRow != 0u) {
    return row * params.perRow;
  }
  return offsets[row];
}

// Column of a value: 16 bits, two to a word.
fn columnAt(i: u32) -> u32 {
  return (index[i >> 1u] >> ((i & 1u) * 16u)) & 0xffffu;
}
