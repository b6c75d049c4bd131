// From the unnormalised weights e of softmaxLane, 1 / their sum and the gradient of the weights dP, in the place of dP:
// e (dP - sum(P dP)) * scale, times the slope of the soft cap; with 1 / sum that is the gradient of q k. Zeros in the
// rest of what the row's tile reads. One invocation per row.
@group(0) @binding(1) var<storage, read> weights: array<f32>;
@group(0) @binding(2) var<storage, read> inverse: array<f32>;
// Scores before the soft cap; not read without one.
@group(0) @binding(3) var<storage, read> raw: array<f32>;
@group(0) @binding(4) var<storage, read_write> gradient: array<f32>;

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = linearWorkgroup(group, groups) * 8u + lane;
  let chunk = params.queryEnd - params.queryBegin;
  if (row >= params.pairs * chunk) {
    return;
  }
  let query = params.queryBegin + row % chunk;
  let begin = row * params.keyStride;
  let first = firstKey(query);
  let visible = visibleKeys(query);
  var sum = 0.0;
  for (var key = first; key < visible; key += 1u) {
    sum += weights[begin + key] * gradient[begin + key];
  }
  let mean = sum * inverse[row];
  for (var key = first; key < visible; key += 1u) {
    let at = begin + key;
    var value = weights[at] * (gradient[at] - mean) * params.scale;
    if (params.softcap != 0.0) {
      let t = softcapped(raw[at], params.softcap) / params.softcap;
      value *= (1.0 - t) * (1.0 + t);
    }
    gradient[at] = value;
  }
  for (var key = tileBegin(query); key < first; key += 1u) {
    gradient[begin + key] = 0.0;
  }
  let end = tileEnd(query);
  for (var key = visible; key < end; key += 1u) {
    gradient[begin + key] = 0.0;
  }
}
