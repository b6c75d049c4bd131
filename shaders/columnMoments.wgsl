// For chunks of rows that never reach into the next sequence, each column's sum and its sum of squared distances from
// the chunk's own mean. One invocation does one column of a chunk and reads it twice, so that a large mean cancels
// before anything is squared. What rounding left in the mean is the mean distance `rest`: both results are corrected
// by it.
struct Params {
  cols: u32,
  // Rows of a sequence, and of a chunk inside it.
  length: u32,
  rowsPerChunk: u32,
  chunksPerSequence: u32,
  // First chunk of this dispatch, and the place in `out` that chunk 0 goes to.
  chunkBegin: u32,
  outChunk: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
// [chunks, 2, cols]
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let col = group.x * 64u + lane;
  if (col >= params.cols) {
    return;
  }
  let chunk = params.chunkBegin + group.y;
  let sequenceBegin = chunk / params.chunksPerSequence * params.length;
  let rowInSequence = chunk % params.chunksPerSequence * params.rowsPerChunk;
  let rows = min(params.rowsPerChunk, params.length - rowInSequence);
  let first = (sequenceBegin + rowInSequence) * params.cols + col;
  let last = first + rows * params.cols;
  var sum = 0.0;
  for (var at = first; at < last; at += params.cols) {
    sum += x[at];
  }
  let count = f32(rows);
  let center = sum / count;
  var rest = 0.0;
  var squares = 0.0;
  for (var at = first; at < last; at += params.cols) {
    let distance = x[at] - center;
    rest += distance;
    squares += distance * distance;
  }
  squares -= rest * rest / count;
  let to = (params.outChunk + chunk) * 2u * params.cols + col;
  out[to] = center * count + rest;
  out[to + params.cols] = select(squares, 0.0, squares < 0.0);
}
