// Multiply-adds in registers and nothing else: what the device's arithmetic gives at best. Eight independent chains to
// a lane; their sum is written, so that none can be left out.
override FUSED: bool = false;

struct Params {
  lanes: u32,
  trips: u32,
  factor: f32,
  term: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = linearWorkgroup(group, groups) * 64u + lane;
  let m = vec4f(params.factor);
  let t = vec4f(params.term);
  var a = vec4f(f32(i % 8u));
  var b = a + 8.0;
  if (FUSED) {
    for (var trip = 0u; trip < params.trips; trip++) {
      a = fma(a, m, t);
      b = fma(b, m, t);
      a = fma(a, m, t);
      b = fma(b, m, t);
      a = fma(a, m, t);
      b = fma(b, m, t);
      a = fma(a, m, t);
      b = fma(b, m, t);
      a = fma(a, m, t);
      b = fma(b, m, t);
      a = fma(a, m, t);
      b = fma(b, m, t);
      a = fma(a, m, t);
      b = fma(b, m, t);
      a = fma(a, m, t);
      b = fma(b, m, t);
      a = fma(a, m, t);
      b = fma(b, m, t);
      a = fma(a, m, t);
      b = fma(b, m, t);
      a = fma(a, m, t);
      b = fma(b, m, t);
      a = fma(a, m, t);
      b = fma(b, m, t);
      a = fma(a, m, t);
      b = fma(b, m, t);
      a = fma(a, m, t);
      b = fma(b, m, t);
      a = fma(a, m, t);
      b = fma(b, m, t);
      a = fma(a, m, t);
      b = fma(b, m, t);
    }
  } else {
    for (var trip = 0u; trip < params.trips; trip++) {
      a = a * m + t;
      b = b * m + t;
      a = a * m + t;
      b = b * m + t;
      a = a * m + t;
      b = b * m + t;
      a = a * m + t;
      b = b * m + t;
      a = a * m + t;
      b = b * m + t;
      a = a * m + t;
      b = b * m + t;
      a = a * m + t;
      b = b * m + t;
      a = a * m + t;
      b = b * m + t;
      a = a * m + t;
      b = b * m + t;
      a = a * m + t;
      b = b * m + t;
      a = a * m + t;
      b = b * m + t;
      a = a * m + t;
      b = b * m + t;
      a = a * m + t;
      b = b * m + t;
      a = a * m + t;
      b = b * m + t;
      a = a * m + t;
      b = b * m + t;
      a = a * m + t;
      b = b * m + t;
    }
  }
  if (i < params.lanes) {
    out[i] = dot(a + b, vec4f(1.0));
  }
}
