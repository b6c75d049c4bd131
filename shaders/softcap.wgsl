// x = cap * tanh(scale * x / cap) in place, or scale * x where cap is 0; four elements per invocation.
struct Params {
  // Elements in this dispatch.
  begin: u32,
  end: u32,
  scale: f32,
  cap: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = params.begin + (linearWorkgroup(group, groups) * 64u + lane) * 4u;
  if (i >= params.end) {
    return;
  }
  // Elements past the end repeat the last one and are not stored.
  let last = params.end - 1u;
  var v = vec4f(x[i], x[min(i + 1u, last)], x[min(i + 2u, last)], x[min(i + 3u, last)]) * params.scale;
  if (params.cap != 0.0) {
    v = softcapped4(v, params.cap);
  }
  x[i] = v.x;
  if (i + 1u <= last) {
    x[i + 1u] = v.y;
  }
  if (i + 2u <= last) {
    x[i + 2u] = v.z;
  }
  if (i + 3u <= last) {
    x[i + 3u] = v.w;
  }
}
