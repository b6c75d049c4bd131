// out[r] = (x[r] - mean) / sqrt(variance + eps) * weight (+ bias) (+ out[r]). One invocation per row: no barriers, for
// software adapters. The variance is the mean square of the distances from the mean, never a difference of large sums;
// `rest` is what rounding left of the mean after it was subtracted.
struct Params {
  // Rows in this dispatch.
  rowBegin: u32,
  rowEnd: u32,
  cols: u32,
  eps: f32,
  hasBias: u32,
  // 1: out holds the residual.
  accumulate: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(4)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = params.rowBegin + linearWorkgroup(group, groups) * 4u + lane;
  if (row >= params.rowEnd) {
    return;
  }
  let begin = row * params.cols;
  let whole = params.cols & ~3u;
  // Four sums: a quarter of the rounding steps, and no chain of dependent additions.
  var sums = vec4f(0.0);
  for (var c = 0u; c < whole; c += 4u) {
    let i = begin + c;
    sums += vec4f(x[i], x[i + 1u], x[i + 2u], x[i + 3u]);
  }
  for (var c = whole; c < params.cols; c += 1u) {
    sums.x += x[begin + c];
  }
  let mean = ((sums.x + sums.y) + (sums.z + sums.w)) / f32(params.cols);
  var rests = vec4f(0.0);
  var squares = vec4f(0.0);
  for (var c = 0u; c < whole; c += 4u) {
    let i = begin + c;
    let d = vec4f(x[i], x[i + 1u], x[i + 2u], x[i + 3u]) - mean;
    rests += d;
    squares += d * d;
  }
  for (var c = whole; c < params.cols; c += 1u) {
    let d = x[begin + c] - mean;
    rests.x += d;
    squares.x += d * d;
  }
  let rest = ((rests.x + rests.y) + (rests.z + rests.w)) / f32(params.cols);
  let square = ((squares.x + squares.y) + (squares.z + squares.w)) / f32(params.cols);
  let scale = 1.0 / sqrt(max(square - rest * rest, 0.0) + params.eps);
  for (var c = 0u; c < params.cols; c += 1u) {
    var y = ((x[begin + c] - mean) - rest) * scale * weight[c];
    if (params.hasBias != 0u) {
      y += bias[c];
    }
    if (params.accumulate != 0u) {
      y += out[begin + c];
    }
    out[begin + c] = y;
  }
}
