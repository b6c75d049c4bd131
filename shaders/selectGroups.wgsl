// In every aligned group of `group` columns, the `group - keep` smallest scores are pruned, lowest column first among
// ties. One invocation does the shortest run of columns that is whole groups and whole mask words.
struct Params {
  cols: u32,
  // Rows of this shard to do.
  rowBegin: u32,
  rowEnd: u32,
  shardRow: u32,
  wordsPerRow: u32,
  keep: u32,
  group: u32,
  // Columns of one run, a common multiple of `group` and 32; runs in a row (the last may be cut short).
  run: u32,
  runsPerRow: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weights: array<u32>;
@group(0) @binding(2) var<storage, read> norms: array<u32>;
@group(0) @binding(3) var<storage, read_write> mask: array<u32>;

@compute @workgroup_size(32)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let item = linearWorkgroup(group, groups) * 32u + lane;
  let row = params.rowBegin + item / params.runsPerRow;
  if (row >= params.rowEnd) {
    return;
  }
  let first = (item % params.runsPerRow) * params.run;
  let end = min(first + params.run, params.cols);
  let start = row * params.cols;
  let words = (params.shardRow + row) * params.wordsPerRow;
  let drop = params.group - params.keep;
  var keys: array<u32, 32>;
  var bits = 0u;
  for (var c = first; c < end; c += params.group) {
    for (var j = 0u; j < params.group; j++) {
      keys[j] = scoreKey(start + c + j, c + j);
    }
    for (var j = 0u; j < params.group; j++) {
      let key = keys[j];
      var rank = 0u;
      for (var other = 0u; other < params.group; other++) {
        let rival = keys[other];
        rank += u32(rival < key || (rival == key && other < j));
      }
      let at = c + j;
      bits |= u32(rank >= drop) << (at & 31u);
      if ((at & 31u) == 31u || at + 1u == params.cols) {
        mask[words + (at >> 5u)] = bits;
        bits = 0u;
      }
    }
  }
}
