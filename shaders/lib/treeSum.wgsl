// Sum over the 64 lanes of a workgroup, in the order of matvecTree; the first lane has it. Call in uniform control flow.
var<workgroup> sums: array<f32, 64>;

fn treeSum(lane: u32, value: f32) -> f32 {
  sums[lane] = value;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half >>= 1u) {
    if (lane < half) {
      sums[lane] += sums[lane + half];
    }
    workgroupBarrier();
  }
  return sums[0];
}
