// One workgroup per row: for hardware.
var<workgroup> partial: array<f32, 64>;
var<workgroup> badLanes: atomic<u32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = params.first + linearWorkgroup(group, groups);
  // The same for the whole workgroup, so returning before the barriers is allowed.
  if (row >= params.end) {
    return;
  }
  let begin = row * params.cols;
  var highest = LOWEST;
  var bad = false;
  for (var c = lane; c < params.cols; c += 64u) {
    let x = logits[begin + c];
    highest = max(highest, x);
    bad = bad || notFinite(x);
  }
  if (bad) {
    atomicAdd(&badLanes, 1u);
  }
  partial[lane] = highest;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half >>= 1u) {
    if (lane < half) {
      partial[lane] = max(partial[lane], partial[lane + half]);
    }
    workgroupBarrier();
  }
  highest = partial[0];
  workgroupBarrier();
  var sum = 0.0;
  for (var c = lane; c < params.cols; c += 64u) {
    sum += exp(logits[begin + c] - highest);
  }
  partial[lane] = sum;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half >>= 1u) {
    if (lane < half) {
      partial[lane] += partial[lane + half];
    }
    workgroupBarrier();
  }
  if (lane == 0u) {
    join(row, vec4f(highest, partial[0], 0.0, f32(atomicLoad(&badLanes))));
  }
}
