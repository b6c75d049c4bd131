// Gradient of the input of layerNorm: with z = (x - mean) s, s = 1 / sqrt(variance + eps) and g = weight dy,
// dx = s (g - mean(g) - z mean(g z)) (+ dx). One invocation per row.
struct Params {
  // Rows in this dispatch.
  rowBegin: u32,
  rowEnd: u32,
  cols: u32,
  eps: f32,
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
  let width = f32(params.cols);
  var sum = 0.0;
  for (var c = 0u; c < params.cols; c += 1u) {
    sum += x[begin + c];
  }
  // A first mean, then what it missed: sums of distances keep their digits where the mean is large.
  let mean = sum / width;
  var first = 0.0;
  var second = 0.0;
  for (var c = 0u; c < params.cols; c += 1u) {
    let d = x[begin + c] - mean;
    first += d;
    second += d * d;
  }
  let rest = first / width;
  let scale = 1.0 / sqrt(max(second / width - rest * rest, 0.0) + params.eps);
  var plain = 0.0;
  var along = 0.0;
  for (var c = 0u; c < params.cols; c += 1u) {
    let g = weight[c] * dy[begin + c];
    plain += g;
    along += g * (((x[begin + c] - mean) - rest) * scale);
  }
  plain /= width;
  along /= width;
  for (var c = 0u; c < params.cols; c += 1u) {
    let at = begin + c;
    let z = ((x[at] - mean) - rest) * scale;
    var value = scale * ((weight[c] * dy[at] - plain) - z * along);
    if (params.accumulate != 0u) {
      value += dx[at];
    }
    dx[at] = value;
  }
}
