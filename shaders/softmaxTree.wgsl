// The same as softmaxLane with one workgroup per row: for hardware.
@group(0) @binding(1) var<storage, read_write> scores: array<f32>;
@group(0) @binding(2) var<storage, read_write> inverse: array<f32>;

const LOWEST = -3.4028234e38;
var<workgroup> partial: array<f32, 64>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = linearWorkgroup(group, groups);
  let chunk = params.queryEnd - params.queryBegin;
  // The same for the whole workgroup, so returning before the barriers is allowed.
  if (row >= params.pairs * chunk) {
    return;
  }
  let query = params.queryBegin + row % chunk;
  let begin = row * params.keyStride;
  let first = firstKey(query);
  let visible = visibleKeys(query);
  // Every loop gives a key to the same lane, so that none waits for another's.
  if (params.softcap != 0.0) {
    for (var key = first + lane; key < visible; key += 64u) {
      scores[begin + key] = softcapped(scores[begin + key], params.softcap);
    }
  }
  var highest = LOWEST;
  for (var key = first + lane; key < visible; key += 64u) {
    highest = max(highest, scores[begin + key]);
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
  for (var key = first + lane; key < visible; key += 64u) {
    let e = exp(scores[begin + key] - highest);
    scores[begin + key] = e;
    sum += e;
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
    inverse[row] = 1.0 / partial[0];
  }
  for (var key = tileBegin(query) + lane; key < first; key += 64u) {
    scores[begin + key] = 0.0;
  }
  let end = tileEnd(query);
  for (var key = visible + lane; key < end; key += 64u) {
    scores[begin + key] = 0.0;
  }
}
