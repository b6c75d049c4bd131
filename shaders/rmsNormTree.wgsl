// out[r] = x[r] / sqrt(mean(x[r]^2) + eps) * (offset + weight) (+ out[r]). One workgroup per row, sums joined in a tree: for hardware.
struct Params {
  // Rows in this dispatch.
  rowBegin: u32,
  rowEnd: u32,
  cols: u32,
  eps: f32,
  offset: f32,
  // 1: out holds the residual.
  accumulate: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

var<workgroup> sums: array<f32, 64>;

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
    sum += x[begin + c] * x[begin + c];
  }
  sums[lane] = sum;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half >>= 1u) {
    if (lane < half) {
      sums[lane] += sums[lane + half];
    }
    workgroupBarrier();
  }
  let scale = 1.0 / sqrt(sums[0] / f32(params.cols) + params.eps);
  for (var c = lane; c < params.cols; c += 64u) {
    var y = x[begin + c] * scale * (params.offset + weight[c]);
    if (params.accumulate != 0u) {
      y += out[begin + c];
    }
    out[begin + c] = y;
  }
}
