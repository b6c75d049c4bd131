// out[key] += the sum over the queries that see it, in all heads of its group, of weights * inverse * x[query]: the
// gradients of k and v. Each invocation does four keys and four channels.
override WIDTH: u32 = 8;
override HEIGHT: u32 = 8;
@group(0) @binding(1) var<storage, read> weights: array<f32>;
@group(0) @binding(2) var<storage, read> inverse: array<f32>;
@group(0) @binding(3) var<storage, read> x: array<f32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(WIDTH, HEIGHT)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let key = params.keyBegin + id.x * 4u;
  let d = id.y * 4u;
  let lastKey = min(params.keys, params.positionBegin + params.queryEnd);
  if (key >= lastKey || d >= params.headDim) {
    return;
  }
  let group = params.heads / params.kvHeads;
  let keyHead = params.pairBegin / group + id.z;
  let pairBegin = max(keyHead * group, params.pairBegin);
  let pairEnd = min((keyHead + 1u) * group, params.pairBegin + params.pairs);
  // Channels past the edge repeat the last one and are not stored.
  let channels = min(vec4u(d) + vec4u(0u, 1u, 2u, 3u), vec4u(params.headDim - 1u));
  let keys = vec4u(key) + vec4u(0u, 1u, 2u, 3u);
  let queryBegin = max(params.queryBegin, key - min(key, params.positionBegin));
  var sum = array<vec4f, 4>();
  for (var pair = pairBegin; pair < pairEnd; pair += 1u) {
    for (var query = queryBegin; query < params.queryEnd; query += 1u) {
      let first = firstKey(query);
      if (first > key + 3u) {
        break;
      }
      let row = scoreRow(pair - params.pairBegin, query);
      let at = row * params.keyStride + key;
      let seen = (keys >= vec4u(first)) & (keys < vec4u(visibleKeys(query)));
      let w = select(vec4f(0.0), vec4f(weights[at], weights[at + 1u], weights[at + 2u], weights[at + 3u]), seen) * inverse[row];
      let source = queryAt(pair, query);
      let v = vec4f(x[source + channels.x], x[source + channels.y], x[source + channels.z], x[source + channels.w]);
      sum[0] += w.x * v;
      sum[1] += w.y * v;
      sum[2] += w.z * v;
      sum[3] += w.w * v;
    }
  }
  for (var i = 0u; i < 4u && key + i < lastKey; i += 1u) {
    let to = keyAt(pairBegin, key + i) + d;
    for (var j = 0u; j < 4u && d + j < params.headDim; j += 1u) {
      out[to + j] += sum[i][j];
    }
  }
}
