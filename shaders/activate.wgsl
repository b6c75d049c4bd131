// x = activation(x) (* up). Behind the library file that has the activation.
struct Params {
  // Elements in this dispatch.
  begin: u32,
  end: u32,
  // 0: nothing to multiply by, `up` holds anything.
  gated: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> up: array<f32>;
@group(0) @binding(2) var<storage, read_write> x: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = params.begin + linearWorkgroup(group, groups) * 64u + lane;
  if (i >= params.end) {
    return;
  }
  var y = activation(x[i]);
  if (params.gated != 0u) {
    y *= up[i];
  }
  x[i] = y;
}
