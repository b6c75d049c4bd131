// The end of every matvec kernel: stores an output with bias and old value where asked for.
@group(0) @binding(4) var<storage, read> bias: array<f32>;
@group(0) @binding(5) var<storage, read_write> out: array<f32>;

fn put(xRow: u32, row: u32, value: f32) {
  if (row >= params.rowEnd) {
    return;
  }
  let column = row + params.columnShift;
  let at = xRow * params.outStride + column;
  var y = value;
  if (params.hasBias != 0u) {
    y += bias[column];
  }
  if (params.accumulate != 0u) {
    y += out[at];
  }
  out[at] = y;
}
