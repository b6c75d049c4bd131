// Mask of each row's counts[row] lowest ranks, from cached ranks (u16, two to a word). One mask word per invocation.
struct Params {
  cols: u32,
  // Mask words to do.
  begin: u32,
  end: u32,
  wordsPerRow: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> ranks: array<u32>;
@group(0) @binding(2) var<storage, read> counts: array<u32>;
@group(0) @binding(3) var<storage, read_write> mask: array<u32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let item = params.begin + linearWorkgroup(group, groups) * 64u + lane;
  if (item >= params.end) {
    return;
  }
  let row = item / params.wordsPerRow;
  let count = counts[row];
  let first = (item % params.wordsPerRow) * 32u;
  let width = min(32u, params.cols - first);
  let start = row * params.cols + first;
  var bits = 0u;
  if ((start & 1u) == 0u && width == 32u) {
    for (var j = 0u; j < 32u; j += 2u) {
      let pair = ranks[(start + j) >> 1u];
      bits |= (u32((pair & 0xffffu) >= count) | (u32((pair >> 16u) >= count) << 1u)) << j;
    }
  } else {
    for (var j = 0u; j < width; j++) {
      let at = start + j;
      bits |= u32(((ranks[at >> 1u] >> ((at & 1u) * 16u)) & 0xffffu) >= count) << j;
    }
  }
  mask[item] = bits;
}
