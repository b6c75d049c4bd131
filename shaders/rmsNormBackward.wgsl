// Gradient of the input of rmsNorm: with s = 1 / sqrt(mean(x^2) + eps) and g = (offset + weight) dy,
// dx = s (g - x s^2 mean(g x)) (+ dx). One invocation per row.
struct Params {
  // Rows in this dispatch.
  rowBegin: u32,
  rowEnd: u32,
  cols: u32,
  eps: f32,
  offset: f32,
  // 1: dx holds what this is added to.
  accumulate: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = params.rowBegin + linearWorkgroup(group, groups) * 8u + lane;
  if (row >= params.rowEnd) {
    return;
  }
  let begin = row * params.cols;
  var squares = 0.0;
  var products = 0.0;
  for (var c = 0u; c < params.cols; c += 1u) {
    let value = x[begin + c];
    squares += value * value;
    products += (params.offset + weight[c]) * dy[begin + c] * value;
  }
  let width = f32(params.cols);
  let scale = 1.0 / sqrt(squares / width + params.eps);
  let share = products / width * scale * scale;
  for (var c = 0u; c < params.cols; c += 1u) {
    let at = begin + c;
    var value = scale * ((params.offset + weight[c]) * dy[at] - x[at] * share);
    if (params.accumulate != 0u) {
      value += dx[at];
    }
    dx[at] = value;
  }
}
