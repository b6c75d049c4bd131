// For each row the largest pruned and the smallest kept score (f32 bits), NaN left out, -1 where there is none.
// One workgroup per row.
struct Params {
  cols: u32,
  // Rows of this shard to do.
  rowBegin: u32,
  rowEnd: u32,
  shardRow: u32,
  wordsPerRow: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weights: array<u32>;
@group(0) @binding(2) var<storage, read> norms: array<u32>;
@group(0) @binding(3) var<storage, read> mask: array<u32>;
@group(0) @binding(4) var<storage, read_write> out: array<u32>;

const MINUS_ONE = 0xbf800000u;
// Keys are compared plus one, so that 0 means "none".
var<workgroup> largestPruned: atomic<u32>;
// Keys are compared complemented, so that 0 means "none" and the largest stands for the smallest.
var<workgroup> smallestKept: atomic<u32>;

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
  let start = row * params.cols;
  let matrixRow = params.shardRow + row;
  var pruned = 0u;
  var kept = 0u;
  for (var c = lane; c < params.cols; c += 64u) {
    let key = scoreKey(start + c, c);
    if (key < KEY_NAN) {
      if (((mask[matrixRow * params.wordsPerRow + (c >> 5u)] >> (c & 31u)) & 1u) == 1u) {
        kept = max(kept, ~key);
      } else {
        pruned = max(pruned, key + 1u);
      }
    }
  }
  atomicMax(&largestPruned, pruned);
  atomicMax(&smallestKept, kept);
  workgroupBarrier();
  if (lane == 0u) {
    let high = atomicLoad(&largestPruned);
    let low = atomicLoad(&smallestKept);
    out[matrixRow * 2u] = select(high - 1u, MINUS_ONE, high == 0u);
    out[matrixRow * 2u + 1u] = select(~low, MINUS_ONE, low == 0u);
  }
}
