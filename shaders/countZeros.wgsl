// Adds to a few counters the number of elements that are pruned or +-0.
struct Params {
  cols: u32,
  // Mask words of this shard to look at, and words for each invocation.
  begin: u32,
  end: u32,
  perLane: u32,
  shardRow: u32,
  wordsPerRow: u32,
  // Workgroups take turns at these counters.
  counterBegin: u32,
  counters: u32,
}
// 0: f32, 1: f16, 2: bf16
override WEIGHT_TYPE: u32 = 0u;
override HAS_MASK: u32 = 1u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weights: array<u32>;
@group(0) @binding(2) var<storage, read> mask: array<u32>;
@group(0) @binding(3) var<storage, read_write> counters: array<atomic<u32>>;

// Bit 0 and 1: whether the low and the high half of a word are +-0.
fn zeroHalves(word: u32) -> u32 {
  return u32((word & 0x7fffu) == 0u) | (u32((word & 0x7fff0000u) == 0u) << 1u);
}

fn isZero(i: u32) -> bool {
  if (WEIGHT_TYPE == 0u) {
    return (weights[i] & 0x7fffffffu) == 0u;
  }
  return ((weights[i >> 1u] >> ((i & 1u) * 16u)) & 0x7fffu) == 0u;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let linear = linearWorkgroup(group, groups);
  let base = params.begin + linear * 64u * params.perLane + lane;
  var zeros = 0u;
  for (var k = 0u; k < params.perLane; k++) {
    let item = base + k * 64u;
    if (item >= params.end) {
      break;
    }
    let first = (item % params.wordsPerRow) * 32u;
    let width = min(32u, params.cols - first);
    let start = (item / params.wordsPerRow) * params.cols + first;
    var kept = 0xffffffffu;
    if (HAS_MASK == 1u) {
      kept = mask[params.shardRow * params.wordsPerRow + item];
    }
    if (WEIGHT_TYPE != 0u && (start & 1u) == 0u && width == 32u) {
      var zeroBits = 0u;
      for (var j = 0u; j < 16u; j++) {
        zeroBits |= zeroHalves(weights[(start >> 1u) + j]) << (2u * j);
      }
      zeros += countOneBits(zeroBits | ~kept);
    } else {
      for (var j = 0u; j < width; j++) {
        zeros += u32(((kept >> j) & 1u) == 0u || isZero(start + j));
      }
    }
  }
  if (zeros > 0u) {
    atomicAdd(&counters[params.counterBegin + linear % params.counters], zeros);
  }
}
