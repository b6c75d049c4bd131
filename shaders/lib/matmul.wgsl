// Shared by all matmul kernels: y = x W^T (+ bias) (+ y). Only the loops over k differ.
struct Params {
  // Rows of x in this dispatch; output row = row + outRowShift (wrapping).
  rowBegin: u32,
  rowEnd: u32,
  outRowShift: u32,
  // Rows of the weight in this dispatch; output column = weight row + outColShift (wrapping).
  colBegin: u32,
  colEnd: u32,
  outColShift: u32,
  biasShift: u32,
  outStride: u32,
  k: u32,
  hasBias: u32,
  accumulate: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;

// The only place that writes; rows and columns past the edge of a ragged tile end here.
fn put(row: u32, column: u32, value: f32) {
  if (row >= params.rowEnd || column >= params.colEnd) {
    return;
  }
  let at = (row + params.outRowShift) * params.outStride + column + params.outColShift;
  var y = value;
  if (params.hasBias != 0u) {
    y += bias[column + params.biasShift];
  }
  if (params.accumulate != 0u) {
    y += out[at];
  }
  out[at] = y;
}
