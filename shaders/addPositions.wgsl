// out[r, c] += weight[first + r % seqLength, c], for the rows of the table that this shard holds.
struct Params {
  // Elements of the output in this dispatch.
  begin: u32,
  end: u32,
  cols: u32,
  seqLength: u32,
  // Row of the table for the first token of a sequence.
  first: u32,
  // Rows of the table in this shard.
  rowBegin: u32,
  rowEnd: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weight: array<W1>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

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
  let row = params.first + (i / params.cols) % params.seqLength;
  if (row >= params.rowBegin && row < params.rowEnd) {
    let at = (row - params.rowBegin) * params.cols + i % params.cols;
    out[i] += weight1(weight[at >> W1_SHIFT], at);
  }
}
