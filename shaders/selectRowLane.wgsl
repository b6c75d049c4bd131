// Mask of the counts[row] smallest scores of each row, ties by lowest column first. One row per invocation with its
// histogram in private memory: no barriers, which software adapters pay dearly.
struct Params {
  cols: u32,
  // Rows of this shard to do.
  rowBegin: u32,
  rowEnd: u32,
  // Row of the matrix at which the shard begins.
  shardRow: u32,
  wordsPerRow: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weights: array<u32>;
@group(0) @binding(2) var<storage, read> norms: array<u32>;
@group(0) @binding(3) var<storage, read> counts: array<u32>;
@group(0) @binding(4) var<storage, read_write> mask: array<u32>;

@compute @workgroup_size(16)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = params.rowBegin + linearWorkgroup(group, groups) * 16u + lane;
  if (row >= params.rowEnd) {
    return;
  }
  let start = row * params.cols;
  let count = counts[params.shardRow + row];

  // Pruned: keys below `limit`, and the first `ties` keys equal to it.
  var limit = 0u;
  var ties = 0u;
  if (count >= params.cols) {
    limit = 0xffffffffu;
  } else if (count > 0u) {
    var bins: array<u32, 256>;
    var prefix = 0u;
    var need = count;
    for (var level = 0u; level < RADIX_LEVELS; level++) {
      let shift = digitShift(level);
      let above = prefixShift(level);
      let digits = digitMask(level);
      for (var b = 0u; b < 256u; b++) {
        bins[b] = 0u;
      }
      for (var c = 0u; c < params.cols; c++) {
        let key = scoreKey(start + c, c);
        if ((key >> above) == prefix) {
          bins[(key >> shift) & digits] += 1u;
        }
      }
      var bin = 0u;
      while (bin < 255u && bins[bin] < need) {
        need -= bins[bin];
        bin++;
      }
      prefix = extendPrefix(level, prefix, bin);
      if (bins[bin] == need) {
        // The whole bin goes: no further digit matters.
        limit = (prefix + 1u) << shift;
        ties = 0u;
        break;
      }
      limit = prefix;
      ties = need;
    }
  }

  let words = (params.shardRow + row) * params.wordsPerRow;
  var seen = 0u;
  for (var word = 0u; word < params.wordsPerRow; word++) {
    let first = word * 32u;
    let width = min(32u, params.cols - first);
    var bits = 0u;
    for (var j = 0u; j < width; j++) {
      let key = scoreKey(start + first + j, first + j);
      let isTie = key == limit && seen < ties;
      seen += u32(isTie);
      bits |= u32(key >= limit && !isTie) << j;
    }
    mask[words + word] = bits;
  }
}
