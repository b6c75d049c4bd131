// Written by scripts/generate-kernels.js; change it there.
// y = x W^T for software adapters without subgroups: each invocation keeps 8 rows x 8 outputs in registers.
// Needs k % 4 == 0.
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> weight: array<W4>;

@compute @workgroup_size(4)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let k4 = params.k / 4u;
  let row = params.rowBegin + group.y * 32u + lane;
  let column = params.colBegin + group.x * 8u;
  if (row >= params.rowEnd) {
    return;
  }
  // Rows past an edge repeat the last one and are not stored.
  let lastRow = params.rowEnd - 1u;
  let lastColumn = params.colEnd - 1u;
  let x0 = min(row + 0u, lastRow) * k4;
  let x1 = min(row + 4u, lastRow) * k4;
  let x2 = min(row + 8u, lastRow) * k4;
  let x3 = min(row + 12u, lastRow) * k4;
  let x4 = min(row + 16u, lastRow) * k4;
  let x5 = min(row + 20u, lastRow) * k4;
  let x6 = min(row + 24u, lastRow) * k4;
  let x7 = min(row + 28u, lastRow) * k4;
  let w0 = min(column + 0u, lastColumn) * k4;
  let w1 = min(column + 1u, lastColumn) * k4;
  let w2 = min(column + 2u, lastColumn) * k4;
  let w3 = min(column + 3u, lastColumn) * k4;
  let w4 = min(column + 4u, lastColumn) * k4;
  let w5 = min(column + 5u, lastColumn) * k4;
  let w6 = min(column + 6u, lastColumn) * k4;
  let w7 = min(column + 7u, lastColumn) * k4;
  var s0_0 = 0.0; var s0_1 = 0.0; var s0_2 = 0.0; var s0_3 = 0.0; var s0_4 = 0.0; var s0_5 = 0.0; var s0_6 = 0.0; var s0_7 = 0.0;
  var s1_0 = 0.0; var s1_1 = 0.0; var s1_2 = 0.0; var s1_3 = 0.0; var s1_4 = 0.0; var s1_5 = 0.0; var s1_6 = 0.0; var s1_7 = 0.0;
  var s2_0 = 0.0; var s2_1 = 0.0; var s2_2 = 0.0; var s2_3 = 0.0; var s2_4 = 0.0; var s2_5 = 0.0; var s2_6 = 0.0; var s2_7 = 0.0;
  var s3_0 = 0.0; var s3_1 = 0.0; var s3_2 = 0.0; var s3_3 = 0.0; var s3_4 = 0.0; var s3_5 = 0.0; var s3_6 = 0.0; var s3_7 = 0.0;
  var s4_0 = 0.0; var s4_1 = 0.0; var s4_2 = 0.0; var s4_3 = 0.0; var s4_4 = 0.0; var s4_5 = 0.0; var s4_6 = 0.0; var s4_7 = 0.0;
  var s5_0 = 0.0; var s5_1 = 0.0; var s5_2 = 0.0; var s5_3 = 0.0; var s5_4 = 0.0; var s5_5 = 0.0; var s5_6 = 0.0; var s5_7 = 0.0;
  var s6_0 = 0.0; var s6_1 = 0.0; var s6_2 = 0.0; var s6_3 = 0.0; var s6_4 = 0.0; var s6_5 = 0.0; var s6_6 = 0.0; var s6_7 = 0.0;
  var s7_0 = 0.0; var s7_1 = 0.0; var s7_2 = 0.0; var s7_3 = 0.0; var s7_4 = 0.0; var s7_5 = 0.0; var s7_6 = 0.0; var s7_7 = 0.0;
  for (var k = 0u; k < k4; k += 1u) {
    let v0 = x[x0 + k];
    let v1 = x[x1 + k];
    let v2 = x[x2 + k];
    let v3 = x[x3 + k];
    let v4 = x[x4 + k];
    let v5 = x[x5 + k];
    let v6 = x[x6 + k];
    let v7 = x[x7 + k];
    let b0 = weight4(weight[w0 + k]);
    s0_0 += dot(v0, b0); s1_0 += dot(v1, b0); s2_0 += dot(v2, b0); s3_0 += dot(v3, b0); s4_0 += dot(v4, b0); s5_0 += dot(v5, b0); s6_0 += dot(v6, b0); s7_0 += dot(v7, b0);
    let b1 = weight4(weight[w1 + k]);
    s0_1 += dot(v0, b1); s1_1 += dot(v1, b1); s2_1 += dot(v2, b1); s3_1 += dot(v3, b1); s4_1 += dot(v4, b1); s5_1 += dot(v5, b1); s6_1 += dot(v6, b1); s7_1 += dot(v7, b1);
    let b2 = weight4(weight[w2 + k]);
    s0_2 += dot(v0, b2); s1_2 += dot(v1, b2); s2_2 += dot(v2, b2); s3_2 += dot(v3, b2); s4_2 += dot(v4, b2); s5_2 += dot(v5, b2); s6_2 += dot(v6, b2); s7_2 += dot(v7, b2);
    let b3 = weight4(weight[w3 + k]);
    s0_3 += dot(v0, b3); s1_3 += dot(v1, b3); s2_3 += dot(v2, b3); s3_3 += dot(v3, b3); s4_3 += dot(v4, b3); s5_3 += dot(v5, b3); s6_3 += dot(v6, b3); s7_3 += dot(v7, b3);
    let b4 = weight4(weight[w4 + k]);
    s0_4 += dot(v0, b4); s1_4 += dot(v1, b4); s2_4 += dot(v2, b4); s3_4 += dot(v3, b4); s4_4 += dot(v4, b4); s5_4 += dot(v5, b4); s6_4 += dot(v6, b4); s7_4 += dot(v7, b4);
    let b5 = weight4(weight[w5 + k]);
    s0_5 += dot(v0, b5); s1_5 += dot(v1, b5); s2_5 += dot(v2, b5); s3_5 += dot(v3, b5); s4_5 += dot(v4, b5); s5_5 += dot(v5, b5); s6_5 += dot(v6, b5); s7_5 += dot(v7, b5);
    let b6 = weight4(weight[w6 + k]);
    s0_6 += dot(v0, b6); s1_6 += dot(v1, b6); s2_6 += dot(v2, b6); s3_6 += dot(v3, b6); s4_6 += dot(v4, b6); s5_6 += dot(v5, b6); s6_6 += dot(v6, b6); s7_6 += dot(v7, b6);
    let b7 = weight4(weight[w7 + k]);
    s0_7 += dot(v0, b7); s1_7 += dot(v1, b7); s2_7 += dot(v2, b7); s3_7 += dot(v3, b7); s4_7 += dot(v4, b7); s5_7 += dot(v5, b7); s6_7 += dot(v6, b7); s7_7 += dot(v7, b7);
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
  let count = min(8u, params.colEnd - column);
  for (var r = 0u; r < 8u && row + r * 4u < params.rowEnd; r += 1u) {
    var t = tile[r];
    let at = outAt(row + r * 4u, column);
    if (params.hasBias + params.accumulate != 0u) {
      for (var j = 0u; j < count; j += 1u) {
        t[j] = finished(column + j, at + j, t[j]);
      }
    }
    if (count == 8u) {
      out[at + 0u] = t[0];
      out[at + 1u] = t[1];
      out[at + 2u] = t[2];
      out[at + 3u] = t[3];
      out[at + 4u] = t[4];
      out[at + 5u] = t[5];
      out[at + 6u] = t[6];
      out[at + 7u] = t[7];
    } else {
      for (var j = 0u; j < count; j += 1u) {
        out[at + j] = t[j];
      }
    }
  }
}
