// Written by scripts/generate-kernels.js; change it there.
// y = x W^T on hardware with subgroups of at least 16 lanes, of any sizes: 16 rows x 4 columns per invocation; the rows of
// x are loaded once per subgroup and broadcast, neighbouring lanes store neighbouring columns. Needs k % 4 == 0, a
// workgroup (64) that whole subgroups fill, and no early return: a broadcast wants every lane.
enable subgroups;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> weight: array<W4>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(subgroup_invocation_id) subLane: u32,
) {
  let k4 = params.k / 4u;
  let row = params.rowBegin + group.y * 16u;
  let column = params.colBegin + group.x * 256u + lane;
  // Rows and columns past an edge repeat the last one and are not stored.
  let fetch = min(row + (subLane & 15u), params.rowEnd - 1u) * k4;
  let w0 = min(column + 0u, params.colEnd - 1u) * k4;
  let w1 = min(column + 64u, params.colEnd - 1u) * k4;
  let w2 = min(column + 128u, params.colEnd - 1u) * k4;
  let w3 = min(column + 192u, params.colEnd - 1u) * k4;
  var s0_0 = 0.0; var s0_1 = 0.0; var s0_2 = 0.0; var s0_3 = 0.0; var s0_4 = 0.0; var s0_5 = 0.0; var s0_6 = 0.0; var s0_7 = 0.0; var s0_8 = 0.0; var s0_9 = 0.0; var s0_10 = 0.0; var s0_11 = 0.0; var s0_12 = 0.0; var s0_13 = 0.0; var s0_14 = 0.0; var s0_15 = 0.0;
  var s1_0 = 0.0; var s1_1 = 0.0; var s1_2 = 0.0; var s1_3 = 0.0; var s1_4 = 0.0; var s1_5 = 0.0; var s1_6 = 0.0; var s1_7 = 0.0; var s1_8 = 0.0; var s1_9 = 0.0; var s1_10 = 0.0; var s1_11 = 0.0; var s1_12 = 0.0; var s1_13 = 0.0; var s1_14 = 0.0; var s1_15 = 0.0;
  var s2_0 = 0.0; var s2_1 = 0.0; var s2_2 = 0.0; var s2_3 = 0.0; var s2_4 = 0.0; var s2_5 = 0.0; var s2_6 = 0.0; var s2_7 = 0.0; var s2_8 = 0.0; var s2_9 = 0.0; var s2_10 = 0.0; var s2_11 = 0.0; var s2_12 = 0.0; var s2_13 = 0.0; var s2_14 = 0.0; var s2_15 = 0.0;
  var s3_0 = 0.0; var s3_1 = 0.0; var s3_2 = 0.0; var s3_3 = 0.0; var s3_4 = 0.0; var s3_5 = 0.0; var s3_6 = 0.0; var s3_7 = 0.0; var s3_8 = 0.0; var s3_9 = 0.0; var s3_10 = 0.0; var s3_11 = 0.0; var s3_12 = 0.0; var s3_13 = 0.0; var s3_14 = 0.0; var s3_15 = 0.0;
  for (var k = 0u; k < k4; k += 1u) {
    let f = x[fetch + k];
    let v0 = weight4(weight[w0 + k]);
    let v1 = weight4(weight[w1 + k]);
    let v2 = weight4(weight[w2 + k]);
    let v3 = weight4(weight[w3 + k]);
    let b0 = subgroupBroadcast(f, 0u);
    s0_0 += dot(v0, b0); s1_0 += dot(v1, b0); s2_0 += dot(v2, b0); s3_0 += dot(v3, b0);
    let b1 = subgroupBroadcast(f, 1u);
    s0_1 += dot(v0, b1); s1_1 += dot(v1, b1); s2_1 += dot(v2, b1); s3_1 += dot(v3, b1);
    let b2 = subgroupBroadcast(f, 2u);
    s0_2 += dot(v0, b2); s1_2 += dot(v1, b2); s2_2 += dot(v2, b2); s3_2 += dot(v3, b2);
    let b3 = subgroupBroadcast(f, 3u);
    s0_3 += dot(v0, b3); s1_3 += dot(v1, b3); s2_3 += dot(v2, b3); s3_3 += dot(v3, b3);
    let b4 = subgroupBroadcast(f, 4u);
    s0_4 += dot(v0, b4); s1_4 += dot(v1, b4); s2_4 += dot(v2, b4); s3_4 += dot(v3, b4);
    let b5 = subgroupBroadcast(f, 5u);
    s0_5 += dot(v0, b5); s1_5 += dot(v1, b5); s2_5 += dot(v2, b5); s3_5 += dot(v3, b5);
    let b6 = subgroupBroadcast(f, 6u);
    s0_6 += dot(v0, b6); s1_6 += dot(v1, b6); s2_6 += dot(v2, b6); s3_6 += dot(v3, b6);
    let b7 = subgroupBroadcast(f, 7u);
    s0_7 += dot(v0, b7); s1_7 += dot(v1, b7); s2_7 += dot(v2, b7); s3_7 += dot(v3, b7);
    let b8 = subgroupBroadcast(f, 8u);
    s0_8 += dot(v0, b8); s1_8 += dot(v1, b8); s2_8 += dot(v2, b8); s3_8 += dot(v3, b8);
    let b9 = subgroupBroadcast(f, 9u);
    s0_9 += dot(v0, b9); s1_9 += dot(v1, b9); s2_9 += dot(v2, b9); s3_9 += dot(v3, b9);
    let b10 = subgroupBroadcast(f, 10u);
    s0_10 += dot(v0, b10); s1_10 += dot(v1, b10); s2_10 += dot(v2, b10); s3_10 += dot(v3, b10);
    let b11 = subgroupBroadcast(f, 11u);
    s0_11 += dot(v0, b11); s1_11 += dot(v1, b11); s2_11 += dot(v2, b11); s3_11 += dot(v3, b11);
    let b12 = subgroupBroadcast(f, 12u);
    s0_12 += dot(v0, b12); s1_12 += dot(v1, b12); s2_12 += dot(v2, b12); s3_12 += dot(v3, b12);
    let b13 = subgroupBroadcast(f, 13u);
    s0_13 += dot(v0, b13); s1_13 += dot(v1, b13); s2_13 += dot(v2, b13); s3_13 += dot(v3, b13);
    let b14 = subgroupBroadcast(f, 14u);
    s0_14 += dot(v0, b14); s1_14 += dot(v1, b14); s2_14 += dot(v2, b14); s3_14 += dot(v3, b14);
    let b15 = subgroupBroadcast(f, 15u);
    s0_15 += dot(v0, b15); s1_15 += dot(v1, b15); s2_15 += dot(v2, b15); s3_15 += dot(v3, b15);
  }
  let tile = array<array<f32, 16>, 4>(
    array<f32, 16>(s0_0, s0_1, s0_2, s0_3, s0_4, s0_5, s0_6, s0_7, s0_8, s0_9, s0_10, s0_11, s0_12, s0_13, s0_14, s0_15),
    array<f32, 16>(s1_0, s1_1, s1_2, s1_3, s1_4, s1_5, s1_6, s1_7, s1_8, s1_9, s1_10, s1_11, s1_12, s1_13, s1_14, s1_15),
    array<f32, 16>(s2_0, s2_1, s2_2, s2_3, s2_4, s2_5, s2_6, s2_7, s2_8, s2_9, s2_10, s2_11, s2_12, s2_13, s2_14, s2_15),
    array<f32, 16>(s3_0, s3_1, s3_2, s3_3, s3_4, s3_5, s3_6, s3_7, s3_8, s3_9, s3_10, s3_11, s3_12, s3_13, s3_14, s3_15),
  );
  for (var c = 0u; c < 4u; c += 1u) {
    let t = tile[c];
    for (var j = 0u; j < 16u; j += 1u) {
      put(row + j, column + c * 64u, t[j]);
    }
  }
}
