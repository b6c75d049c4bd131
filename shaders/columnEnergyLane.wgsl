// Sums of squares of columns over chunks of rows: out[chunk, c] = sum of x[r, c]^2. One invocation does four
// neighbouring columns of a chunk, row after row.
struct Params {
  rows: u32,
  cols: u32,
  rowsPerChunk: u32,
  // First chunk of this dispatch, and the row of `out` that chunk 0 goes to.
  chunkBegin: u32,
  outRow: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let col = id.x * 4u;
  if (col >= params.cols) {
    return;
  }
  let chunk = params.chunkBegin + id.y;
  let first = chunk * params.rowsPerChunk;
  let last = min(first + params.rowsPerChunk, params.rows);
  let width = min(4u, params.cols - col);
  var sum = vec4f();
  var at = first * params.cols + col;
  let to = (params.outRow + chunk) * params.cols + col;
  if (width == 4u) {
    for (var r = first; r < last; r++) {
      let v = vec4f(x[at], x[at + 1u], x[at + 2u], x[at + 3u]);
      sum += v * v;
      at += params.cols;
    }
    out[to] = sum.x;
    out[to + 1u] = sum.y;
    out[to + 2u] = sum.z;
    out[to + 3u] = sum.w;
    return;
  }
  for (var j = 0u; j < width; j++) {
    var one = 0f;
    for (var r = first; r < last; r++) {
      let v = x[r * params.cols + col + j];
      one += v * v;
    }
    out[to + j] = one;
  }
}
