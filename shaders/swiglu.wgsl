// out = silu(out) * up, where out holds the gate.
struct Params {
  // Elements in this dispatch.
  begin: u32,
  end: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> up: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

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
  let gate = out[i];
  // For very negative gates exp overflows to infinity and the quotient is the right 0.
  out[i] = gate / (1.0 + exp(-gate)) * up[i];
}
