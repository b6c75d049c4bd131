// Mask of the counts[row] smallest scores of each row, ties by lowest column first. One workgroup per row.
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

const SPAN_WORDS = 32u;
const SPAN = 1024u;

var<workgroup> bins: array<atomic<u32>, 256>;
// Of the span of columns at hand, one bit each: key below the limit, key equal to it.
var<workgroup> below: array<atomic<u32>, SPAN_WORDS>;
var<workgroup> equal: array<atomic<u32>, SPAN_WORDS>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = params.rowBegin + linearWorkgroup(group, groups);
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
    var prefix = 0u;
    var need = count;
    for (var level = 0u; level < RADIX_LEVELS; level++) {
      let shift = digitShift(level);
      let above = prefixShift(level);
      let digits = digitMask(level);
      atomicStore(&bins[lane], 0u);
      workgroupBarrier();
      for (var c = lane; c < params.cols; c += 256u) {
        let key = scoreKey(start + c, c);
        if ((key >> above) == prefix) {
          atomicAdd(&bins[(key >> shift) & digits], 1u);
        }
      }
      workgroupBarrier();
      let pick = pickBin(lane, atomicLoad(&bins[lane]), need);
      prefix = extendPrefix(level, prefix, pick.bin);
      need = pick.need;
      if (pick.count == need) {
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
  for (var first = 0u; first < params.cols; first += SPAN) {
    if (lane < SPAN_WORDS) {
      atomicStore(&below[lane], 0u);
      atomicStore(&equal[lane], 0u);
    }
    workgroupBarrier();
    for (var local = lane; local < min(SPAN, params.cols - first); local += 256u) {
      let key = scoreKey(start + first + local, first + local);
      let bit = 1u << (local & 31u);
      if (key < limit) {
        atomicOr(&below[local >> 5u], bit);
      } else if (key == limit && ties > 0u) {
        atomicOr(&equal[local >> 5u], bit);
      }
    }
    workgroupBarrier();
    let word = (first >> 5u) + lane;
    if (lane < SPAN_WORDS && word < params.wordsPerRow) {
      // Ties in earlier words rank before those of this word.
      var before = seen;
      for (var w = 0u; w < SPAN_WORDS; w++) {
        let inWord = countOneBits(atomicLoad(&equal[w]));
        seen += inWord;
        before += select(0u, inWord, w < lane);
      }
      var pruned = atomicLoad(&below[lane]);
      var tied = atomicLoad(&equal[lane]);
      while (tied != 0u && before < ties) {
        let lowest = tied & (~tied + 1u);
        pruned |= lowest;
        tied ^= lowest;
        before++;
      }
      let width = min(32u, params.cols - word * 32u);
      mask[words + word] = ~pruned & (0xffffffffu >> (32u - width));
    }
    workgroupBarrier();
  }
}
