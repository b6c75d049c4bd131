// Sums of squares of columns over chunks of rows: out[chunk, c] = sum of x[r, c]^2. A workgroup does 64 neighbouring
// columns of a chunk with four lanes per column, each taking every fourth row, added in a fixed order at the end.
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

var<workgroup> sums: array<f32, 256>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let col = group.x * 64u + (lane & 63u);
  let chunk = params.chunkBegin + group.y;
  let first = chunk * params.rowsPerChunk;
  let last = min(first + params.rowsPerChunk, params.rows);
  var sum = 0f;
  if (col < params.cols) {
    for (var r = first + (lane >> 6u); r < last; r += 4u) {
      let v = x[r * params.cols + col];
      sum += v * v;
    }
  }
  sums[lane] = sum;
  workgroupBarrier();
  if (lane < 64u && col < params.cols) {
    out[(params.outRow + chunk) * params.cols + col] = (sums[lane] + sums[lane + 64u]) + (sums[lane + 128u] + sums[lane + 192u]);
  }
}
