// out = scores v / sum(scores), one output per invocation: any head width.
@group(0) @binding(1) var<storage, read> scores: array<f32>;
@group(0) @binding(2) var<storage, read> inverse: array<f32>;
@group(0) @binding(3) var<storage, read> v: array<f32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let query = params.queryBegin + id.x;
  let d = id.y;
  if (query >= params.queryEnd || d >= params.headDim) {
    return;
  }
  let pair = params.pairBegin + id.z;
  let row = scoreRow(id.z, query);
  let visible = visibleKeys(query);
  var sum = 0.0;
  for (var key = firstKey(query); key < visible; key += 1u) {
    sum += scores[row * params.keyStride + key] * v[keyAt(pair, key) + d];
  }
  out[queryAt(pair, query) + d] = sum * inverse[row];
}
