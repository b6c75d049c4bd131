// Written by scripts/generate-kernels.js; change it there.
// scores = q k^T * scale, 8 queries x 8 keys per invocation in registers; tiles without a visible key are skipped and
// keep old values, which nobody reads. Needs headDim % 4 == 0.
@group(0) @binding(1) var<storage, read> q: array<vec4f>;
@group(0) @binding(2) var<storage, read> k: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> scores: array<f32>;

override WIDTH = 8u;
override HEIGHT = 8u;

@compute @workgroup_size(WIDTH, HEIGHT)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let query = params.queryBegin + id.x * 8u;
  let key = params.keyBegin + id.y * 8u;
  if (query >= params.queryEnd) {
    return;
  }
  let lastQuery = min(query + 8u, params.queryEnd) - 1u;
  if (key >= visibleKeys(lastQuery) || key + 8u <= firstKey(query)) {
    return;
  }
  let pair = params.pairBegin + id.z;
  let width = params.headDim / 4u;
  // Rows past an edge repeat the last one and are not stored.
  let lastKey = params.keys - 1u;
  let q0 = queryAt(pair, min(query + 0u, lastQuery)) / 4u;
  let q1 = queryAt(pair, min(query + 1u, lastQuery)) / 4u;
  let q2 = queryAt(pair, min(query + 2u, lastQuery)) / 4u;
  let q3 = queryAt(pair, min(query + 3u, lastQuery)) / 4u;
  let q4 = queryAt(pair, min(query + 4u, lastQuery)) / 4u;
  let q5 = queryAt(pair, min(query + 5u, lastQuery)) / 4u;
  let q6 = queryAt(pair, min(query + 6u, lastQuery)) / 4u;
  let q7 = queryAt(pair, min(query + 7u, lastQuery)) / 4u;
  let k0 = keyAt(pair, min(key + 0u, lastKey)) / 4u;
  let k1 = keyAt(pair, min(key + 1u, lastKey)) / 4u;
  let k2 = keyAt(pair, min(key + 2u, lastKey)) / 4u;
  let k3 = keyAt(pair, min(key + 3u, lastKey)) / 4u;
  let k4 = keyAt(pair, min(key + 4u, lastKey)) / 4u;
  let k5 = keyAt(pair, min(key + 5u, lastKey)) / 4u;
  let k6 = keyAt(pair, min(key + 6u, lastKey)) / 4u;
  let k7 = keyAt(pair, min(key + 7u, lastKey)) / 4u;
  var s0_0 = 0.0; var s0_1 = 0.0; var s0_2 = 0.0; var s0_3 = 0.0; var s0_4 = 0.0; var s0_5 = 0.0; var s0_6 = 0.0; var s0_7 = 0.0;
  var s1_0 = 0.0; var s1_1 = 0.0; var s1_2 = 0.0; var s1_3 = 0.0; var s1_4 = 0.0; var s1_5 = 0.0; var s1_6 = 0.0; var s1_7 = 0.0;
  var s2_0 = 0.0; var s2_1 = 0.0; var s2_2 = 0.0; var s2_3 = 0.0; var s2_4 = 0.0; var s2_5 = 0.0; var s2_6 = 0.0; var s2_7 = 0.0;
  var s3_0 = 0.0; var s3_1 = 0.0; var s3_2 = 0.0; var s3_3 = 0.0; var s3_4 = 0.0; var s3_5 = 0.0; var s3_6 = 0.0; var s3_7 = 0.0;
  var s4_0 = 0.0; var s4_1 = 0.0; var s4_2 = 0.0; var s4_3 = 0.0; var s4_4 = 0.0; var s4_5 = 0.0; var s4_6 = 0.0; var s4_7 = 0.0;
  var s5_0 = 0.0; var s5_1 = 0.0; var s5_2 = 0.0; var s5_3 = 0.0; var s5_4 = 0.0; var s5_5 = 0.0; var s5_6 = 0.0; var s5_7 = 0.0;
  var s6_0 = 0.0; var s6_1 = 0.0; var s6_2 = 0.0; var s6_3 = 0.0; var s6_4 = 0.0; var s6_5 = 0.0; var s6_6 = 0.0; var s6_7 = 0.0;
  var s7_0 = 0.0; var s7_1 = 0.0; var s7_2 = 0.0; var s7_3 = 0.0; var s7_4 = 0.0; var s7_5 = 0.0; var s7_6 = 0.0; var s7_7 = 0.0;
  for (var d = 0u; d < width; d += 1u) {
    let a0 = q[q0 + d];
    let a1 = q[q1 + d];
    let a2 = q[q2 + d];
    let a3 = q[q3 + d];
    let a4 = q[q4 + d];
    let a5 = q[q5 + d];
    let a6 = q[q6 + d];
    let a7 = q[q7 + d];
    let b0 = k[k0 + d];
    s0_0 += dot(a0, b0); s1_0 += dot(a1, b0); s2_0 += dot(a2, b0); s3_0 += dot(a3, b0); s4_0 += dot(a4, b0); s5_0 += dot(a5, b0); s6_0 += dot(a6, b0); s7_0 += dot(a7, b0);
    let b1 = k[k1 + d];
    s0_1 += dot(a0, b1); s1_1 += dot(a1, b1); s2_1 += dot(a2, b1); s3_1 += dot(a3, b1); s4_1 += dot(a4, b1); s5_1 += dot(a5, b1); s6_1 += dot(a6, b1); s7_1 += dot(a7, b1);
    let b2 = k[k2 + d];
    s0_2 += dot(a0, b2); s1_2 += dot(a1, b2); s2_2 += dot(a2, b2); s3_2 += dot(a3, b2); s4_2 += dot(a4, b2); s5_2 += dot(a5, b2); s6_2 += dot(a6, b2); s7_2 += dot(a7, b2);
    let b3 = k[k3 + d];
    s0_3 += dot(a0, b3); s1_3 += dot(a1, b3); s2_3 += dot(a2, b3); s3_3 += dot(a3, b3); s4_3 += dot(a4, b3); s5_3 += dot(a5, b3); s6_3 += dot(a6, b3); s7_3 += dot(a7, b3);
    let b4 = k[k4 + d];
    s0_4 += dot(a0, b4); s1_4 += dot(a1, b4); s2_4 += dot(a2, b4); s3_4 += dot(a3, b4); s4_4 += dot(a4, b4); s5_4 += dot(a5, b4); s6_4 += dot(a6, b4); s7_4 += dot(a7, b4);
    let b5 = k[k5 + d];
    s0_5 += dot(a0, b5); s1_5 += dot(a1, b5); s2_5 += dot(a2, b5); s3_5 += dot(a3, b5); s4_5 += dot(a4, b5); s5_5 += dot(a5, b5); s6_5 += dot(a6, b5); s7_5 += dot(a7, b5);
    let b6 = k[k6 + d];
    s0_6 += dot(a0, b6); s1_6 += dot(a1, b6); s2_6 += dot(a2, b6); s3_6 += dot(a3, b6); s4_6 += dot(a4, b6); s5_6 += dot(a5, b6); s6_6 += dot(a6, b6); s7_6 += dot(a7, b6);
    let b7 = k[k7 + d];
    s0_7 += dot(a0, b7); s1_7 += dot(a1, b7); s2_7 += dot(a2, b7); s3_7 += dot(a3, b7); s4_7 += dot(a4, b7); s5_7 += dot(a5, b7); s6_7 += dot(a6, b7); s7_7 += dot(a7, b7);
  }
  let tile = array<array<f32, 8>, 8>(
    array<f32, 8>(s0_0, s0_1, s0_2, s0_3, s0_4, s0_5, s0_6, s0_7),
    array<f32, 8>(s1_0, s1_1, s1_2, s1_3, s1_4, s1_5, s1_6, s1_7),
    array<f32, 8>(s2_0, s2_1, s2_2, s2_3, s2_4, s2_5, s2_6, s2_7),
    array<f32, 8>(s3_0, s3_1, s3_2, s3_3, s3_4, s3_5, s3_6, s3_7),
    array<f32, 8>(s4_0, s4_1, s4_2, s4_3, s4_4, s4_5, s4_6, s4_7),
    array<f32, 8>(s5_0, s5_1, s5_2, s5_3, s5_4, s5_5, s5_6, s5_7),
    array<f32, 8>(s6_0, s6_1, s6_2, s6_3, s6_4, s6_5, s6_6, s6_7),
    array<f32, 8>(s7_0, s7_1, s7_2, s7_3, s7_4, s7_5, s7_6, s7_7),
  );
  let count = min(8u, params.keys - key);
  for (var r = 0u; r < 8u && query + r * 1u <= lastQuery; r += 1u) {
    let t = tile[r];
    let at = scoreRow(id.z, query + r * 1u) * params.keyStride + key;
    if (count == 8u) {
      scores[at + 0u] = t[0] * params.scale;
      scores[at + 1u] = t[1] * params.scale;
      scores[at + 2u] = t[2] * params.scale;
      scores[at + 3u] = t[3] * params.scale;
      scores[at + 4u] = t[4] * params.scale;
      scores[at + 5u] = t[5] * params.scale;
      scores[at + 6u] = t[6] * params.scale;
      scores[at + 7u] = t[7] * params.scale;
    } else {
      for (var j = 0u; j < count; j += 1u) {
        scores[at + j] = t[j] * params.scale;
      }
    }
  }
}
