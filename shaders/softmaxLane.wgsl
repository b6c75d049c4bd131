// exp(score - max) in place for the keys that each row sees, and 1 / sum beside it; zeros in the rest of what the row's
// tile reads. A soft cap goes first. One invocation per row: for software adapters.
@group(0) @binding(1) var<storage, read_write> scores: array<f32>;
@group(0) @binding(2) var<storage, read_write> inverse: array<f32>;

@compute @workgroup_size(4)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = linearWorkgroup(group, groups) * 4u + lane;
  let chunk = params.queryEnd - params.queryBegin;
  if (row >= params.pairs * chunk) {
    return;
  }
  let query = params.queryBegin + row % chunk;
  let begin = row * params.keyStride;
  let first = firstKey(query);
  let visible = visibleKeys(query);
  if (params.softcap != 0.0) {
    for (var key = first; key < visible; key += 1u) {
      scores[begin + key] = softcapped(scores[begin + key], params.softcap);
    }
  }
  var highest = scores[begin + first];
  for (var key = first + 1u; key < visible; key += 1u) {
    highest = max(highest, scores[begin + key]);
  }
  var sum = 0.0;
  for (var key = first; key < visible; key += 1u) {
    let e = exp(scores[begin + key] - highest);
    scores[begin + key] = e;
    sum += e;
  }
  inverse[row] = 1.0 / sum;
  for (var key = tileBegin(query); key < first; key += 1u) {
    scores[begin + key] = 0.0;
  }
  let end = tileEnd(query);
  for (var key = visible; key < end; key += 1u) {
    scores[begin + key] = 0.0;
  }
}
