// out[outBegin + i] += x[i], or x[i]^2.
struct Params {
  // Elements of x in this dispatch.
  begin: u32,
  end: u32,
  outBegin: u32,
  squared: u32,
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
  let i = params.begin + linearWorkgroup(group, groups) * 64u + lane;
  if (i < params.end) {
    let value = x[i];
    out[params.outBegin + i] += select(value, value * value, params.squared != 0u);
  }
}
