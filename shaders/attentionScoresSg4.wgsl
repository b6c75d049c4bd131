// Written by scripts/generate-kernels.js; change it there.
// scores = q k^T * scale for software adapters whose subgroups have 4 lanes: 8 queries x 16 keys per invocation in
// registers, keys loaded once per subgroup. Needs headDim % 4 == 0; a workgroup is one subgroup.
enable subgroups;
@group(0) @binding(1) var<storage, read> q: array<vec4f>;
@group(0) @binding(2) var<storage, read> k: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> scores: array<f32>;

@compute @workgroup_size(4)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(subgroup_invocation_id) subLane: u32,
) {
  let queryTile = params.queryBegin + id.x * 32u;
  let key = params.keyBegin + id.y * 16u;
  let lastQuery = min(queryTile + 32u, params.queryEnd) - 1u;
  // The same for every lane, so returning before the broadcasts is allowed.
  if (key >= visibleKeys(lastQuery) || key + 16u <= firstKey(queryTile)) {
    return;
  }
  let query = queryTile + lane;
  let pair = params.pairBegin + id.z;
  let width = params.headDim / 4u;
  // Rows past an edge repeat the last one and are not stored.
  let lastKey = params.keys - 1u;
  let fetch = key + subLane * 4u;
  let q0 = queryAt(pair, min(query + 0u, lastQuery)) / 4u;
  let q1 = queryAt(pair, min(query + 4u, lastQuery)) / 4u;
  let q2 = queryAt(pair, min(query + 8u, lastQuery)) / 4u;
  let q3 = queryAt(pair, min(query + 12u, lastQuery)) / 4u;
  let q4 = queryAt(pair, min(query + 16u, lastQuery)) / 4u;
  let q5 = queryAt(pair, min(query + 20u, lastQuery)) / 4u;
  let q6 = queryAt(pair, min(query + 24u, lastQuery)) / 4u;
  let q7 = queryAt(pair, min(query + 28u, lastQuery)) / 4u;
  let k0 = keyAt(pair, min(fetch + 0u, lastKey)) / 4u;
  let k1 = keyAt(pair, min(fetch + 1u, lastKey)) / 4u;
  let k2 = keyAt(pair, min(fetch + 2u, lastKey)) / 4u;
  let k3 = keyAt(pair, min(fetch + 3u, lastKey)) / 4u;
  var s0_0 = 0.0; var s0_1 = 0.0; var s0_2 = 0.0; var s0_3 = 0.0; var s0_4 = 0.0; var s0_5 = 0.0; var s0_6 = 0.0; var s0_7 = 0.0; var s0_8 = 0.0; var s0_9 = 0.0; var s0_10 = 0.0; var s0_11 = 0.0; var s0_12 = 0.0; var s0_13 = 0.0; var s0_14 = 0.0; var s0_15 = 0.0;
  var s1_0 = 0.0; var s1_1 = 0.0; var s1_2 = 0.0; var s1_3 = 0.0; var s1_4 = 0.0; var s1_5 = 0.0; var s1_6 = 0.0; var s1_7 = 0.0; var s1_8 = 0.0; var s1_9 = 0.0; var s1_10 = 0.0; var s1_11 = 0.0; var s1_12 = 0.0; var s1_13 = 0.0; var s1_14 = 0.0; var s1_15 = 0.0;
  var s2_0 = 0.0; var s2_1 = 0.0; var s2_2 = 0.0; var s2_3 = 0.0; var s2_4 = 0.0; var s2_5 = 0.0; var s2_6 = 0.0; var s2_7 = 0.0; var s2_8 = 0.0; var s2_9 = 0.0; var s2_10 = 0.0; var s2_11 = 0.0; var s2_12 = 0.0; var s2_13 = 0.0; var s2_14 = 0.0; var s2_15 = 0.0;
  var s3_0 = 0.0; var s3_1 = 0.0; var s3_2 = 0.0; var s3_3 = 0.0; var s3_4 = 0.0; var s3_5 = 0.0; var s3_6 = 0.0; var s3_7 = 0.0; var s3_8 = 0.0; var s3_9 = 0.0; var s3_10 = 0.0; var s3_11 = 0.0; var s3_12 = 0.0; var s3_13 = 0.0; var s3_14 = 0.0; var s3_15 = 0.0;
  var s4_0 = 0.0; var s4_1 = 0.0; var s4_2 = 0.0; var s4_3 = 0.0; var s4_4 = 0.0; var s4_5 = 0.0; var s4_6 = 0.0; var s4_7 = 0.0; var s4_8 = 0.0; var s4_9 = 0.0; var s4_10 = 0.0; var s4_11 = 0.0; var s4_12 = 0.0; var s4_13 = 0.0; var s4_14 = 0.0; var s4_15 = 0.0;
  var s5_0 = 0.0; var s5_1 = 0.0; var s5_2 = 0.0; var s5_3 = 0.0; var s5_4 = 0.0; var s5_5 = 0.0; var s5_6 = 0.0; var s5_7 = 0.0; var s5_8 = 0.0; var s5_9 = 0.0; var s5_10 = 0.0; var s5_11 = 0.0; var s5_12 = 0.0; var s5_13 = 0.0; var s5_14 = 0.0; var s5_15 = 0.0;
  var s6_0 = 0.0; var s6_1 = 0.0; var s6_2 = 0.0; var s6_3 = 0.0; var s6_4 = 0.0; var s6_5 = 0.0; var s6_6 = 0.0; var s6_7 = 0.0; var s6_8 = 0.0; var s6_9 = 0.0; var s6_10 = 0.0; var s6_11 = 0.0; var s6_12 = 0.0; var s6_13 = 0.0; var s6_14 = 0.0; var s6_15 = 0.0;
  var s7_0 = 0.0; var s7_1 = 0.0; var s7_2 = 0.0; var s7_3 = 0.0; var s7_4 = 0.0; var s7_5 = 0.0; var s7_6 = 0.0; var s7_7 = 0.0; var s7_8 = 0.0; var s7_9 = 0.0; var s7_10 = 0.0; var s7_11 = 0.0; var s7_12 = 0.0; var s7_13 = 0.0; var s7_14 = 0.0; var s7_15 = 0.0;
  for (var d = 0u; d < width; d += 1u) {
    let f0 = k[k0 + d];
    let f1 = k[k1 + d];
    let f2 = k[k2 + d];
    let f3 = k[k3 + d];
    let a0 = q[q0 + d];
    let a1 = q[q1 + d];
    let a2 = q[q2 + d];
    let a3 = q[q3 + d];
    let a4 = q[q4 + d];
    let a5 = q[q5 + d];
    let a6 = q[q6 + d];
    let a7 = q[q7 + d];
    let b0 = subgroupBroadcast(f0, 0u);
    s0_0 += dot(a0, b0); s1_0 += dot(a1, b0); s2_0 += dot(a2, b0); s3_0 += dot(a3, b0); s4_0 += dot(a4, b0); s5_0 += dot(a5, b0); s6_0 += dot(a6, b0); s7_0 += dot(a7, b0);
    let b1 = subgroupBroadcast(f1, 0u);
    s0_1 += dot(a0, b1); s1_1 += dot(a1, b1); s2_1 += dot(a2, b1); s3_1 += dot(a3, b1); s4_1 += dot(a4, b1); s5_1 += dot(a5, b1); s6_1 += dot(a6, b1); s7_1 += dot(a7, b1);
    let b2 = subgroupBroadcast(f2, 0u);
    s0_2 += dot(a0, b2); s1_2 += dot(a1, b2); s2_2 += dot(a2, b2); s3_2 += dot(a3, b2); s4_2 += dot(a4, b2); s5_2 += dot(a5, b2); s6_2 += dot(a6, b2); s7_2 += dot(a7, b2);
    let b3 = subgroupBroadcast(f3, 0u);
    s0_3 += dot(a0, b3); s1_3 += dot(a1, b3); s2_3 += dot(a2, b3); s3_3 += dot(a3, b3); s4_3 += dot(a4, b3); s5_3 += dot(a5, b3); s6_3 += dot(a6, b3); s7_3 += dot(a7, b3);
    let b4 = subgroupBroadcast(f0, 1u);
    s0_4 += dot(a0, b4); s1_4 += dot(a1, b4); s2_4 += dot(a2, b4); s3_4 += dot(a3, b4); s4_4 += dot(a4, b4); s5_4 += dot(a5, b4); s6_4 += dot(a6, b4); s7_4 += dot(a7, b4);
    let b5 = subgroupBroadcast(f1, 1u);
    s0_5 += dot(a0, b5); s1_5 += dot(a1, b5); s2_5 += dot(a2, b5); s3_5 += dot(a3, b5); s4_5 += dot(a4, b5); s5_5 += dot(a5, b5); s6_5 += dot(a6, b5); s7_5 += dot(a7, b5);
    let b6 = subgroupBroadcast(f2, 1u);
    s0_6 += dot(a0, b6); s1_6 += dot(a1, b6); s2_6 += dot(a2, b6); s3_6 += dot(a3, b6); s4_6 += dot(a4, b6); s5_6 += dot(a5, b6); s6_6 += dot(a6, b6); s7_6 += dot(a7, b6);
    let b7 = subgroupBroadcast(f3, 1u);
    s0_7 += dot(a0, b7); s1_7 += dot(a1, b7); s2_7 += dot(a2, b7); s3_7 += dot(a3, b7); s4_7 += dot(a4, b7); s5_7 += dot(a5, b7); s6_7 += dot(a6, b7); s7_7 += dot(a7, b7);
    let b8 = subgroupBroadcast(f0, 2u);
    s0_8 += dot(a0, b8); s1_8 += dot(a1, b8); s2_8 += dot(a2, b8); s3_8 += dot(a3, b8); s4_8 += dot(a4, b8); s5_8 += dot(a5, b8); s6_8 += dot(a6, b8); s7_8 += dot(a7, b8);
    let b9 = subgroupBroadcast(f1, 2u);
    s0_9 += dot(a0, b9); s1_9 += dot(a1, b9); s2_9 += dot(a2, b9); s3_9 += dot(a3, b9); s4_9 += dot(a4, b9); s5_9 += dot(a5, b9); s6_9 += dot(a6, b9); s7_9 += dot(a7, b9);
    let b10 = subgroupBroadcast(f2, 2u);
    s0_10 += dot(a0, b10); s1_10 += dot(a1, b10); s2_10 += dot(a2, b10); s3_10 += dot(a3, b10); s4_10 += dot(a4, b10); s5_10 += dot(a5, b10); s6_10 += dot(a6, b10); s7_10 += dot(a7, b10);
    let b11 = subgroupBroadcast(f3, 2u);
    s0_11 += dot(a0, b11); s1_11 += dot(a1, b11); s2_11 += dot(a2, b11); s3_11 += dot(a3, b11); s4_11 += dot(a4, b11); s5_11 += dot(a5, b11); s6_11 += dot(a6, b11); s7_11 += dot(a7, b11);
    let b12 = subgroupBroadcast(f0, 3u);
    s0_12 += dot(a0, b12); s1_12 += dot(a1, b12); s2_12 += dot(a2, b12); s3_12 += dot(a3, b12); s4_12 += dot(a4, b12); s5_12 += dot(a5, b12); s6_12 += dot(a6, b12); s7_12 += dot(a7, b12);
    let b13 = subgroupBroadcast(f1, 3u);
    s0_13 += dot(a0, b13); s1_13 += dot(a1, b13); s2_13 += dot(a2, b13); s3_13 += dot(a3, b13); s4_13 += dot(a4, b13); s5_13 += dot(a5, b13); s6_13 += dot(a6, b13); s7_13 += dot(a7, b13);
    let b14 = subgroupBroadcast(f2, 3u);
    s0_14 += dot(a0, b14); s1_14 += dot(a1, b14); s2_14 += dot(a2, b14); s3_14 += dot(a3, b14); s4_14 += dot(a4, b14); s5_14 += dot(a5, b14); s6_14 += dot(a6, b14); s7_14 += dot(a7, b14);
    let b15 = subgroupBroadcast(f3, 3u);
    s0_15 += dot(a0, b15); s1_15 += dot(a1, b15); s2_15 += dot(a2, b15); s3_15 += dot(a3, b15); s4_15 += dot(a4, b15); s5_15 += dot(a5, b15); s6_15 += dot(a6, b15); s7_15 += dot(a7, b15);
  }
  let tile = array<array<f32, 16>, 8>(
    array<f32, 16>(s0_0, s0_1, s0_2, s0_3, s0_4, s0_5, s0_6, s0_7, s0_8, s0_9, s0_10, s0_11, s0_12, s0_13, s0_14, s0_15),
    array<f32, 16>(s1_0, s1_1, s1_2, s1_3, s1_4, s1_5, s1_6, s1_7, s1_8, s1_9, s1_10, s1_11, s1_12, s1_13, s1_14, s1_15),
    array<f32, 16>(s2_0, s2_1, s2_2, s2_3, s2_4, s2_5, s2_6, s2_7, s2_8, s2_9, s2_10, s2_11, s2_12, s2_13, s2_14, s2_15),
    array<f32, 16>(s3_0, s3_1, s3_2, s3_3, s3_4, s3_5, s3_6, s3_7, s3_8, s3_9, s3_10, s3_11, s3_12, s3_13, s3_14, s3_15),
    array<f32, 16>(s4_0, s4_1, s4_2, s4_3, s4_4, s4_5, s4_6, s4_7, s4_8, s4_9, s4_10, s4_11, s4_12, s4_13, s4_14, s4_15),
    array<f32, 16>(s5_0, s5_1, s5_2, s5_3, s5_4, s5_5, s5_6, s5_7, s5_8, s5_9, s5_10, s5_11, s5_12, s5_13, s5_14, s5_15),
    array<f32, 16>(s6_0, s6_1, s6_2, s6_3, s6_4, s6_5, s6_6, s6_7, s6_8, s6_9, s6_10, s6_11, s6_12, s6_13, s6_14, s6_15),
    array<f32, 16>(s7_0, s7_1, s7_2, s7_3, s7_4, s7_5, s7_6, s7_7, s7_8, s7_9, s7_10, s7_11, s7_12, s7_13, s7_14, s7_15),
  );
  let count = min(16u, params.keys - key);
  for (var r = 0u; r < 8u && query + r * 4u <= lastQuery; r += 1u) {
    let t = tile[r];
    let at = scoreRow(id.z, query + r * 4u) * params.keyStride + key;
    if (count == 16u) {
      scores[at + 0u] = t[0] * params.scale;
      scores[at + 1u] = t[1] * params.scale;
      scores[at + 2u] = t[2] * params.scale;
      scores[at + 3u] = t[3] * params.scale;
      scores[at + 4u] = t[4] * params.scale;
      scores[at + 5u] = t[5] * params.scale;
      scores[at + 6u] = t[6] * params.scale;
      scores[at + 7u] = t[7] * params.scale;
      scores[at + 8u] = t[8] * params.scale;
      scores[at + 9u] = t[9] * params.scale;
      scores[at + 10u] = t[10] * params.scale;
      scores[at + 11u] = t[11] * params.scale;
      scores[at + 12u] = t[12] * params.scale;
      scores[at + 13u] = t[13] * params.scale;
      scores[at + 14u] = t[14] * params.scale;
      scores[at + 15u] = t[15] * params.scale;
    } else {
      for (var j = 0u; j < count; j += 1u) {
        scores[at + j] = t[j] * params.scale;
      }
    }
  }
}
