// out[r] = (x[r] - mean) / sqrt(variance + eps) * weight (+ bias) (+ out[r]). One workgroup per row, sums joined in a
// tree: for hardware. Mean and variance as in layerNormLane.wgsl.
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

var<workgroup> sums: array<vec2f, 64>;

// The sum of both components over the workgroup. Call in uniform control flow.
fn total(lane: u32, part: vec2f) -> vec2f {
  sums[lane] = part;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half >>= 1u) {
    if (lane < half) {
      sums[lane] += sums[lane + half];
    }
    workgroupBarrier();
  }
  let all = sums[0];
  // The next call writes here.
  workgroupBarrier();
  return all;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = params.rowBegin + linearWorkgroup(group, groups);
  // The same for the whole workgroup, so returning before the barriers is allowed.
  if (row >= params.rowEnd) {
    return;
  }
  let begin = row * params.cols;
  var sum = 0.0;
  for (var c = lane; c < params.cols; c += 64u) {
    sum += x[begin + c];
  }
  let mean = total(lane, vec2f(sum, 0.0)).x / f32(params.cols);
  var part = vec2f(0.0);
  for (var c = lane; c < params.cols; c += 64u) {
    let d = x[begin + c] - mean;
    part += vec2f(d, d * d);
  }
  let moments = total(lane, part) / f32(params.cols);
  let rest = moments.x;
  let scale = 1.0 / sqrt(max(moments.y - rest * rest, 0.0) + params.eps);
  for (var c = lane; c < params.cols; c += 64u) {
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
