// Written by scripts/generate-kernels.js; change it there.
// y = x W^T for software adapters with subgroups of at least 8 lanes: each invocation keeps 2 rows x 16 outputs in
// registers; the 16 weight rows are loaded once per subgroup and broadcast. Needs k % 4 == 0, a workgroup (32) that
// whole subgroups fill, and no early return: a broadcast wants every lane.
enable subgroups;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> weight: array<W4>;

@compute @workgroup_size(32)
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
  let fetch = column + (subLane & 7u) * 2u;
  let x0 = min(row + 0u, lastRow) * k4;
  let x1 = min(row + 32u, lastRow) * k4;
  let w0 = min(fetch + 0u, lastColumn) * k4;
  let w1 = min(fetch + 1u, lastColumn) * k4;
  var s0_0 = 0.0; var s0_1 = 0.0; var s0_2 = 0.0; var s0_3 = 0.0; var s0_4 = 0.0; var s0_5 = 0.0; var s0_6 = 0.0; var s0_7 = 0.0; var s0_8 = 0.0; var s0_9 = 0.0; var s0_10 = 0.0; var s0_11 = 0.0; var s0_12 = 0.0; var s0_13 = 0.0; var s0_14 = 0.0; var s0_15 = 0.0;
  var s1_0 = 0.0; var s1_1 = 0.0; var s1_2 = 0.0; var s1_3 = 0.0; var s1_4 = 0.0; var s1_5 = 0.0; var s1_6 = 0.0; var s1_7 = 0.0; var s1_8 = 0.0; var s1_9 = 0.0; var s1_10 = 0.0; var s1_11 = 0.0; var s1_12 = 0.0; var s1_13 = 0.0; var s1_14 = 0.0; var s1_15 = 0.0;
  for (var k = 0u; k < k4; k += 1u) {
    let f0 = weight4(weight[w0 + k]);
    let f1 = weight4(weight[w1 + k]);
    let v0 = x[x0 + k];
    let v1 = x[x1 + k];
    let b0 = subgroupBroadcast(f0, 0u);
    s0_0 += dot(v0, b0); s1_0 += dot(v1, b0);
    let b1 = subgroupBroadcast(f1, 0u);
    s0_1 += dot(v0, b1); s1_1 += dot(v1, b1);
    let b2 = subgroupBroadcast(f0, 1u);
    s0_2 += dot(v0, b2); s1_2 += dot(v1, b2);
    let b3 = subgroupBroadcast(f1, 1u);
    s0_3 += dot(v0, b3); s1_3 += dot(v1, b3);
    let b4 = subgroupBroadcast(f0, 2u);
    s0_4 += dot(v0, b4); s1_4 += dot(v1, b4);
    let b5 = subgroupBroadcast(f1, 2u);
    s0_5 += dot(v0, b5); s1_5 += dot(v1, b5);
    let b6 = subgroupBroadcast(f0, 3u);
    s0_6 += dot(v0, b6); s1_6 += dot(v1, b6);
    let b7 = subgroupBroadcast(f1, 3u);
    s0_7 += dot(v0, b7); s1_7 += dot(v1, b7);
    let b8 = subgroupBroadcast(f0, 4u);
    s0_8 += dot(v0, b8); s1_8 += dot(v1, b8);
    let b9 = subgroupBroadcast(f1, 4u);
    s0_9 += dot(v0, b9); s1_9 += dot(v1, b9);
    let b10 = subgroupBroadcast(f0, 5u);
    s0_10 += dot(v0, b10); s1_10 += dot(v1, b10);
    let b11 = subgroupBroadcast(f1, 5u);
    s0_11 += dot(v0, b11); s1_11 += dot(v1, b11);
    let b12 = subgroupBroadcast(f0, 6u);
    s0_12 += dot(v0, b12); s1_12 += dot(v1, b12);
    let b13 = subgroupBroadcast(f1, 6u);
    s0_13 += dot(v0, b13); s1_13 += dot(v1, b13);
    let b14 = subgroupBroadcast(f0, 7u);
    s0_14 += dot(v0, b14); s1_14 += dot(v1, b14);
    let b15 = subgroupBroadcast(f1, 7u);
    s0_15 += dot(v0, b15); s1_15 += dot(v1, b15);
  }
  let tile = array<array<f32, 16>, 2>(
    array<f32, 16>(s0_0, s0_1, s0_2, s0_3, s0_4, s0_5, s0_6, s0_7, s0_8, s0_9, s0_10, s0_11, s0_12, s0_13, s0_14, s0_15),
    array<f32, 16>(s1_0, s1_1, s1_2, s1_3, s1_4, s1_5, s1_6, s1_7, s1_8, s1_9, s1_10, s1_11, s1_12, s1_13, s1_14, s1_15),
  );
  let count = min(16u, params.colEnd - column);
  for (var r = 0u; r < 2u && row + r * 32u < params.rowEnd; r += 1u) {
    var t = tile[r];
    let at = outAt(row + r * 32u, column);
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
