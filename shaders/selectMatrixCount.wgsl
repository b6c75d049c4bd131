// Adds one digit's histogram over a run of the matrix to the state (see selectMatrixPick.wgsl).
struct Params {
  cols: u32,
  // Elements of this shard to do, and the flat index of the shard's first element in the matrix.
  begin: u32,
  end: u32,
  shardBegin: u32,
  // Elements for each workgroup.
  run: u32,
  // 0-3: digits of the key. 4-7: digits of the flat index, among keys equal to the prefix.
  level: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weights: array<u32>;
@group(0) @binding(2) var<storage, read> norms: array<u32>;
@group(0) @binding(3) var<storage, read_write> state: State;

var<workgroup> bins: array<atomic<u32>, 256>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  atomicStore(&bins[lane], 0u);
  workgroupBarrier();
  let first = params.begin + linearWorkgroup(group, groups) * params.run;
  // `first` may lie beyond the end where the grid was folded.
  if (state.done == 0u && first < params.end) {
    let last = min(params.end - first, params.run) + first;
    for (var i = first + lane; i < last; i += 256u) {
      let key = scoreKey(i, i % params.cols);
      if (params.level < RADIX_LEVELS) {
        if ((key >> prefixShift(params.level)) == state.prefix) {
          atomicAdd(&bins[(key >> digitShift(params.level)) & digitMask(params.level)], 1u);
        }
      } else if (key == state.prefix) {
        let at = params.shardBegin + i;
        if (indexAbove(params.level, at) == state.indexPrefix) {
          atomicAdd(&bins[(at >> indexShift(params.level)) & 0xffu], 1u);
        }
      }
    }
  }
  workgroupBarrier();
  let count = atomicLoad(&bins[lane]);
  if (count > 0u) {
    atomicAdd(&state.bins[lane], count);
  }
}
