// One output per workgroup, its lanes side by side along the row's values: for hardware. Which lane adds which product
// depends on the zeros, so sums agree with those of matvecTree but for rounding.
@group(0) @binding(1) var<storage, read> x: array<f32>;

@compute @workgroup_size(64)
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
  let end = offsets[row + 1u];
  var sum = 0.0;
  for (var i = rowStart(row) + lane; i < end; i += 64u) {
    sum += x[columnAt(i)] * valueAt(i);
  }
  let total = treeSum(lane, sum);
  if (lane == 0u) {
    put(0u, row, total);
  }
}
