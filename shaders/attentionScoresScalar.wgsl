// scores = q k^T * scale for visible keys, one per invocation: any head width.
@group(0) @binding(1) var<storage, read> q: array<f32>;
@group(0) @binding(2) var<storage, read> k: array<f32>;
@group(0) @binding(3) var<storage, read_write> scores: array<f32>;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let query = params.queryBegin + id.x;
  let key = params.keyBegin + id.y;
  if (query >= params.queryEnd || key >= visibleKeys(query) || key < firstKey(query)) {
    return;
  }
  let a = queryAt(params.pairBegin + id.z, query);
  let b = keyAt(params.pairBegin + id.z, key);
  var sum = 0.0;
  for (var d = 0u; d < params.headDim; d += 1u) {
    sum += q[a + d] * k[b + d];
  }
  scores[scoreRow(id.z, query) * params.keyStride + key] = sum * params.scale;
}
