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

fn outAt(row: u32, column: u32) -> u32 {
  return (row + params.outRowShift) * params.outStride + column + params.outColShift;
}

// The value to store at out[at], with bias and old value where asked for.
fn finished(column: u32, at: u32, value: f32) -> f32 {
  var y = value;
  if (params.hasBias != 0u) {
    y += bias[column + params.biasShift];
  }
  if (params.accumulate != 0u) {
    y += out[at];
  }
  return y;
}

// Stores one output; rows and columns past the edge of a ragged tile end here.
fn put(row: u32, column: u32, value: f32) {
  if (row < params.rowEnd && column < params.colEnd) {
    let at = outAt(row, column);
    out[at] = finished(column, at, value);
  }
}
