// Written by scripts/generate-kernels.js; change it there.
// y = x W^T for software adapters with subgroups of at least 4 lanes: each invocation keeps 8 rows x 16 outputs in
// registers; the 16 weight rows are loaded once per subgroup and broadcast. Needs k % 4 == 0, a workgroup (8) that
// whole subgroups fill, and no early return: a broadcast wants every lane.
enable subgroups;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> weight: array<W4>;

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(subgroup_invocation_id) subLane: u32,
) {
  let k4 = params.k / 4u;
  let row = params.rowBegin + group.y * 64u + lane;
  let column = params.colBegin + group.x * 16u;
  // Rows past an edge repeat the last one and are not stored.
  let lastRow = params.rowEnd - 1u;
  let lastColumn = params.colEnd - 1u;
  let fetch = column + (subLane & 3u) * 4u;
  let x0 = min(row + 0u, lastRow) * k4;
  let x1 = min(row + 8u, lastRow) * k4;
  let x2 = min(row + 16u, lastRow) * k4;
  let x3 = min(row + 24u, lastRow) * k4;
  let x4 = min(row + 32u, lastRow) * k4;
  let x5 = min(row + 40u, lastRow) * k4;
  let x6 = min(row + 48u, lastRow) * k4;
  let x7 = min(row + 56u, lastRow) * k4;
  let w0 = min(fetch + 0u, lastColumn) * k4;
  let w1 = min(fetch + 1u, lastColumn) * k4;
  let w2 = min(fetch + 2u, lastColumn) * k4;
  let w3 = min(fetch + 3u, lastColumn) * k4;
  var s0_0 = 0.0; var s0_1 = 0.0; var s0_2 = 0.0; var s0_3 = 0.0; var s0_4 = 0.0; var s0_5 = 0.0; var s0_6 = 0.0; var s0_7 = 0.0; var s0_8 = 0.0; var s0_9 = 0.0; var s0_10 = 0.0; var s0_11 = 0.0; var s0_12 = 0.0; var s0_13 = 0.0; var s0_14 = 0.0; var s0_15 = 0.0;
  var s1_0 = 0.0; var s1_1 = 0.0; var s1_2 = 0.0; var s1_3 = 0.0; var s1_4 = 0.0; var s1_5 = 0.0; var s1_6 = 0.0; var s1_7 = 0.0; var s1_8 = 0.0; var s1_9 = 0.0; var s1_10 = 0.0; var s1_11 = 0.0; var s1_12 = 0.0; var s1_13 = 0.0; var s1_14 = 0.0; var s1_15 = 0.0;
  var s2_0 = 0.0; var s2_1 = 0.0; var s2_2 = 0.0; var s2_3 = 0.0; var s2_4 = 0.0; var s2_5 = 0.0; var s2_6 = 0.0; var s2_7 = 0.0; var s2_8 = 0.0; var s2_9 = 0.0; var s2_10 = 0.0; var s2_11 = 0.0; var s2_12 = 0.0; var s2_13 = 0.0; var s2_14 = 0.0; var s2_15 = 0.0;
  var s3_0 = 0.0; var s3_1 = 0.0; var s3_2 = 0.0; var s3_3 = 0.0; var s3_4 = 0.0; var s3_5 = 0.0; var s3_6 = 0.0; var s3_7 = 0.0; var s3_8 = 0.0; var s3_9 = 0.0; var s3_10 = 0.0; var s3_11 = 0.0; var s3_12 = 0.0; var s3_13 = 0.0; var s3_14 = 0.0; var s3_15 = 0.0;
  var s4_0 = 0.0; var s4_1 = 0.0; var s4_2 = 0.0; var s4_3 = 0.0; var s4_4 = 0.0; var s4_5 = 0.0; var s4_6 = 0.0; var s4_7 = 0.0; var s4_8 = 0.0; var s4_9 = 0.0; var s4_10 = 0.0; var s4_11 = 0.0; var s4_12 = 0.0; var s4_13 = 0.0; var s4_14 = 0.0; var s4_15 = 0.0;
  var s5_0 = 0.0; var s5_1 = 0.0; var s5_2 = 0.0; var s5_3 = 0.0; var s5_4 = 0.0; var s5_5 = 0.0; var s5_6 = 0.0; var s5_7 = 0.0; var s5_8 = 0.0; var s5_9 = 0.0; var s5_10 = 0.0; var s5_11 = 0.0; var s5_12 = 0.0; var s5_13 = 0.0; var s5_14 = 0.0; var s5_15 = 0.0;
  var s6_0 = 0.0; var s6_1 = 0.0; var s6_2 = 0.0; var s6_3 = 0.0; var s6_4 = 0.0; var s6_5 = 0.0; var s6_6 = 0.0; var s6_7 = 0.0; var s6_8 = 0.0; var s6_9 = 0.0; var s6_10 = 0.0; var s6_11 = 0.0; var s6_12 = 0.0; var s6_13 = 0.0; var s6_14 = 0.0; var s6_15 = 0.0;
  var s7_0 = 0.0; var s7_1 = 0.0; var s7_2 = 0.0; var s7_3 = 0.0; var s7_4 = 0.0; var s7_5 = 0.0; var s7_6 = 0.0; var s7_7 = 0.0; var s7_8 = 0.0; var s7_9 = 0.0; var s7_10 = 0.0; var s7_11 = 0.0; var s7_12 = 0.0; var s7_13 = 0.0; var s7_14 = 0.0; var s7_15 = 0.0;
  for (var k = 0u; k < k4; k += 1u) {
    let f0 = weight4(weight[w0 + k]);
    let f1 = weight4(weight[w1 + k]);
    let f2 = weight4(weight[w2 + k]);
    let f3 = weight4(weight[w3 + k]);
    let v0 = x[x0 + k];
    let v1 = x[x1 + k];
    let v2 = x[x2 + k];
    let v3 = x[x3 + k];
    let v4 = x[x4 + k];
    let v5 = x[x5 + k];
    let v6 = x[x6 + k];
    let v7 = x[x7 + k];
    let b0 = subgroupBroadcast(f0, 0u);
    s0_0 += dot(v0, b0); s1_0 += dot(v1, b0); s2_0 += dot(v2, b0); s3_0 += dot(v3, b0); s4_0 += dot(v4, b0); s5_0 += dot(v5, b0); s6_0 += dot(v6, b0); s7_0 += dot(v7, b0);
    let b1 = subgroupBroadcast(f1, 0u);
    s0_1 += dot(v0, b1); s1_1 += dot(v1, b1); s2_1 += dot(v2, b1); s3_1 += dot(v3, b1); s4_1 += dot(v4, b1); s5_1 += dot(v5, b1); s6_1 += dot(v6, b1); s7_1 += dot(v7, b1);
    let b2 = subgroupBroadcast(f2, 0u);
    s0_2 += dot(v0, b2); s1_2 += dot(v1, b2); s2_2 += dot(v2, b2); s3_2 += dot(v3, b2); s4_2 += dot(v4, b2); s5_2 += dot(v5, b2); s6_2 += dot(v6, b2); s7_2 += dot(v7, b2);
    let b3 = subgroupBroadcast(f3, 0u);
    s0_3 += dot(v0, b3); s1_3 += dot(v1, b3); s2_3 += dot(v2, b3); s3_3 += dot(v3, b3); s4_3 += dot(v4, b3); s5_3 += dot(v5, b3); s6_3 += dot(v6, b3); s7_3 += dot(v7, b3);
    let b4 = subgroupBroadcast(f0, 1u);
    s0_4 += dot(v0, b4); s1_4 += dot(v1, b4); s2_4 += dot(v2, b4); s3_4 += dot(v3, b4); s4_4 += dot(v4, b4); s5_4 += dot(v5, b4); s6_4 += dot(v6, b4); s7_4 += dot(v7, b4);
    let b5 = subgroupBroadcast(f1, 1u);
    s0_5 += dot(v0, b5); s1_5 += dot(v1, b5); s2_5 += dot(v2, b5); s3_5 += dot(v3, b5); s4_5 += dot(v4, b5); s5_5 += dot(v5, b5); s6_5 += dot(v6, b5); s7_5 += dot(v7, b5);
    let b6 = subgroupBroadcast(f2, 1u);
    s0_6 += dot(v0, b6); s1_6 += dot(v1, b6); s2_6 += dot(v2, b6); s3_6 += dot(v3, b6); s4_6 += dot(v4, b6); s5_6 += dot(v5, b6); s6_6 += dot(v6, b6); s7_6 += dot(v7, b6);
    let b7 = subgroupBroadcast(f3, 1u);
    s0_7 += dot(v0, b7); s1_7 += dot(v1, b7); s2_7 += dot(v2, b7); s3_7 += dot(v3, b7); s4_7 += dot(v4, b7); s5_7 += dot(v5, b7); s6_7 += dot(v6, b7); s7_7 += dot(v7, b7);
    let b8 = subgroupBroadcast(f0, 2u);
    s0_8 += dot(v0, b8); s1_8 += dot(v1, b8); s2_8 += dot(v2, b8); s3_8 += dot(v3, b8); s4_8 += dot(v4, b8); s5_8 += dot(v5, b8); s6_8 += dot(v6, b8); s7_8 += dot(v7, b8);
    let b9 = subgroupBroadcast(f1, 2u);
    s0_9 += dot(v0, b9); s1_9 += dot(v1, b9); s2_9 += dot(v2, b9); s3_9 += dot(v3, b9); s4_9 += dot(v4, b9); s5_9 += dot(v5, b9); s6_9 += dot(v6, b9); s7_9 += dot(v7, b9);
    let b10 = subgroupBroadcast(f2, 2u);
    s0_10 += dot(v0, b10); s1_10 += dot(v1, b10); s2_10 += dot(v2, b10); s3_10 += dot(v3, b10); s4_10 += dot(v4, b10); s5_10 += dot(v5, b10); s6_10 += dot(v6, b10); s7_10 += dot(v7, b10);
    let b11 = subgroupBroadcast(f3, 2u);
    s0_11 += dot(v0, b11); s1_11 += dot(v1, b11); s2_11 += dot(v2, b11); s3_11 += dot(v3, b11); s4_11 += dot(v4, b11); s5_11 += dot(v5, b11); s6_11 += dot(v6, b11); s7_11 += dot(v7, b11);
    let b12 = subgroupBroadcast(f0, 3u);
    s0_12 += dot(v0, b12); s1_12 += dot(v1, b12); s2_12 += dot(v2, b12); s3_12 += dot(v3, b12); s4_12 += dot(v4, b12); s5_12 += dot(v5, b12); s6_12 += dot(v6, b12); s7_12 += dot(v7, b12);
    let b13 = subgroupBroadcast(f1, 3u);
    s0_13 += dot(v0, b13); s1_13 += dot(v1, b13); s2_13 += dot(v2, b13); s3_13 += dot(v3, b13); s4_13 += dot(v4, b13); s5_13 += dot(v5, b13); s6_13 += dot(v6, b13); s7_13 += dot(v7, b13);
    let b14 = subgroupBroadcast(f2, 3u);
    s0_14 += dot(v0, b14); s1_14 += dot(v1, b14); s2_14 += dot(v2, b14); s3_14 += dot(v3, b14); s4_14 += dot(v4, b14); s5_14 += dot(v5, b14); s6_14 += dot(v6, b14); s7_14 += dot(v7, b14);
    let b15 = subgroupBroadcast(f3, 3u);
    s0_15 += dot(v0, b15); s1_15 += dot(v1, b15); s2_15 += dot(v2, b15); s3_15 += dot(v3, b15); s4_15 += dot(v4, b15); s5_15 += dot(v5, b15); s6_15 += dot(v6, b15); s7_15 += dot(v7, b15);
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
  let count = min(16u, params.colEnd - column);
  for (var r = 0u; r < 8u && row + r * 8u < params.rowEnd; r += 1u) {
    var t = tile[r];
    let at = outAt(row + r * 8u, column);
    if (params.hasBias + params.accumulate != 0u) {
      for (var j = 0u; j < count; j += 1u) {
        t[j] = finished(column + j, at + j, t[j]);
      }
    }
    if (count == 16u) {
      out[at + 0u] = t[0];
      out[at + 1u] = t[1];
      out[at + 2u] = t[2];
      out[at + 3u] = t[3];
      out[at + 4u] = t[4];
      out[at + 5u] = t[5];
      out[at + 6u] = t[6];
      out[at + 7u] = t[7];
      out[at + 8u] = t[8];
      out[at + 9u] = t[9];
      out[at + 10u] = t[10];
      out[at + 11u] = t[11];
      out[at + 12u] = t[12];
      out[at + 13u] = t[13];
      out[at + 14u] = t[14];
      out[at + 15u] = t[15];
    } else {
      for (var j = 0u; j < count; j += 1u) {
        out[at + j] = t[j];
      }
    }
  }
}
