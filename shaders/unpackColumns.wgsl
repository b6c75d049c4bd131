// A weight packed by columns written out over zeros, kept values with their exact bits. A row per workgroup; two lanes
// may meet in one word of 16-bit values, hence the atomics.
struct Params {
  k: u32,
  rowBegin: u32,
  rowEnd: u32,
}
// 1: 16-bit values, two to a word.
override HALVES: u32 = 0u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> values: array<u32>;
@group(0) @binding(2) var<storage, read> index: array<u32>;
@group(0) @binding(3) var<storage, read> offsets: array<u32>;
@group(0) @binding(4) var<storage, read_write> out: array<atomic<u32>>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = params.rowBegin + linearWorkgroup(group, groups);
  if (row >= params.rowEnd) {
    return;
  }
  let end = offsets[row + 1u];
  for (var i = offsets[row] + lane; i < end; i += 64u) {
    let element = row * params.k + ((index[i >> 1u] >> ((i & 1u) * 16u)) & 0xffffu);
    if (HALVES == 0u) {
      atomicStore(&out[element], values[i]);
    } else {
      let value = (values[i >> 1u] >> ((i & 1u) * 16u)) & 0xffffu;
      atomicOr(&out[element >> 1u], value << ((element & 1u) * 16u));
    }
  }
}
