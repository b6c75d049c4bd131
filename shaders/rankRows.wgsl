// Rank of every score among those of its row, ties by lowest column first: how many come before it. One workgroup per
// row. ranks: u16, two to a word without padding between rows, so a word may belong to two rows; zeros before.
struct Params {
  cols: u32,
  // Rows of this shard to do.
  rowBegin: u32,
  rowEnd: u32,
  // Row of the matrix at which the shard begins.
  shardRow: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weights: array<u32>;
@group(0) @binding(2) var<storage, read> norms: array<u32>;
@group(0) @binding(3) var<storage, read_write> ranks: array<atomic<u32>>;

const TILE = 256u;
var<workgroup> keys: array<u32, TILE>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = params.rowBegin + linearWorkgroup(group, groups);
  // The same for the whole workgroup, so returning before the barriers is allowed.
  if (row >= params.rowEnd) {
    return;
  }
  let start = row * params.cols;
  let out = (params.shardRow + row) * params.cols;
  // Four columns to a lane at a time.
  for (var first = 0u; first < params.cols; first += 4u * TILE) {
    let column = vec4u(first + lane) + vec4u(0u, TILE, 2u * TILE, 3u * TILE);
    var mine = vec4u(0u);
    for (var j = 0u; j < 4u; j++) {
      if (column[j] < params.cols) {
        mine[j] = scoreKey(start + column[j], column[j]);
      }
    }
    var before = vec4u(0u);
    for (var begin = 0u; begin < params.cols; begin += TILE) {
      workgroupBarrier();
      if (begin + lane < params.cols) {
        keys[lane] = scoreKey(start + begin + lane, begin + lane);
      }
      workgroupBarrier();
      let width = min(TILE, params.cols - begin);
      for (var k = 0u; k < width; k++) {
        let key = vec4u(keys[k]);
        before += select(vec4u(0u), vec4u(1u), (key < mine) | ((key == mine) & (vec4u(begin + k) < column)));
      }
    }
    for (var j = 0u; j < 4u; j++) {
      if (column[j] < params.cols) {
        let at = out + column[j];
        atomicOr(&ranks[at >> 1u], before[j] << ((at & 1u) * 16u));
      }
    }
  }
}
