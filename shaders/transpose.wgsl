// out[c, outBegin + j] = weight[rowBegin + j, c] as f32 for j < count; columns from there up to `padded` become 0.
struct Params {
  // Elements of [cols, padded] in this dispatch.
  elementBegin: u32,
  elementEnd: u32,
  cols: u32,
  count: u32,
  padded: u32,
  rowBegin: u32,
  outBegin: u32,
  outCols: u32,
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
  let i = params.elementBegin + linearWorkgroup(group, groups) * 64u + lane;
  if (i >= params.elementEnd) {
    return;
  }
  let c = i / params.padded;
  let j = i % params.padded;
  var value = 0.0;
  if (j < params.count) {
    let at = (params.rowBegin + j) * params.cols + c;
    value = weight1(weight[at >> W1_SHIFT], at);
  }
  out[c * params.outCols + params.outBegin + j] = value;
}
