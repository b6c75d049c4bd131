// Gradients of y = activation(x) (* up): dx = dy * slope(x) (* up) in the place of dy, dUp = dy * activation(x).
struct Params {
  // Elements in this dispatch.
  begin: u32,
  end: u32,
  // 1: there is an up.
  gated: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> up: array<f32>;
@group(0) @binding(3) var<storage, read_write> dy: array<f32>;
@group(0) @binding(4) var<storage, read_write> dUp: array<f32>;

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
  let value = x[i];
  let gradient = dy[i];
  var dx = gradient * slope(value);
  if (params.gated != 0u) {
    dUp[i] = gradient * activation(value);
    dx *= up[i];
  }
  dy[i] = dx;
}
