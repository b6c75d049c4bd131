// out[t, c] = weight[ids[t], c] * scale, one shard of the table at a time.
struct Params {
  // Elements of the output in this dispatch.
  begin: u32,
  end: u32,
  cols: u32,
  // Rows of the table in this shard; ids outside belong to another dispatch.
  rowBegin: u32,
  rowEnd: u32,
  // Rows of the whole table: the first shard answers a larger id with `invalid` (NaN), never with stale memory.
  rowTotal: u32,
  invalid: f32,
  scale: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> ids: array<u32>;
@group(0) @binding(2) var<storage, read> weight: array<W1>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = params.begin + linearWorkgroup(group, groups) * 64u + lane;
  if (i >= params.end) {
    return;
  }
  let id = ids[i / params.cols];
  if (id >= params.rowBegin && id < params.rowEnd) {
    let at = (id - params.rowBegin) * params.cols + i % params.cols;
    out[i] = weight1(weight[at >> W1_SHIFT], at) * params.scale;
  } else if (id >= params.rowTotal && params.rowBegin == 0u) {
    out[i] = params.invalid;
  }
}
