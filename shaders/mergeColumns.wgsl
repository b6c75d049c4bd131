// out[r, begin + (j / block) * stride + j % block] = x[r, j].
struct Params {
  // Elements of x in this dispatch.
  elementBegin: u32,
  elementEnd: u32,
  cols: u32,
  outCols: u32,
  begin: u32,
  block: u32,
  stride: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = params.elementBegin + linearWorkgroup(group, groups) * 64u + lane;
  if (i >= params.elementEnd) {
    return;
  }
  let j = i % params.cols;
  let column = params.begin + (j / params.block) * params.stride + j % params.block;
  out[(i / params.cols) * params.outCols + column] = x[i];
}
