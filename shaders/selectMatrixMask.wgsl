// Mask from the finished state of a select over a whole matrix. One mask word per invocation.
struct Params {
  cols: u32,
  // Mask words of this shard to do (rows times wordsPerRow, counted from the shard's first row).
  begin: u32,
  end: u32,
  shardRow: u32,
  wordsPerRow: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weights: array<u32>;
@group(0) @binding(2) var<storage, read> norms: array<u32>;
@group(0) @binding(3) var<storage, read_write> state: State;
@group(0) @binding(4) var<storage, read_write> mask: array<u32>;

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
  let limit = state.limit;
  let tieEnd = state.tieEnd;
  let row = item / params.wordsPerRow;
  let first = (item % params.wordsPerRow) * 32u;
  let width = min(32u, params.cols - first);
  let start = row * params.cols + first;
  let flat = params.shardRow * params.cols + start;
  var bits = 0u;
  for (var j = 0u; j < width; j++) {
    let key = scoreKey(start + j, first + j);
    let pruned = key < limit || (key == limit && flat + j < tieEnd);
    bits |= u32(!pruned) << j;
  }
  mask[params.shardRow * params.wordsPerRow + item] = bits;
}
