// Written by scripts/generate-kernels.js; change it there.
// out = scores v / sum(scores) for software adapters whose subgroups have 4 lanes: 8 queries x 16 columns (4 vec4)
// per invocation in registers, v loaded once per subgroup. Needs headDim % 4 == 0; a workgroup is one subgroup.
enable subgroups;
@group(0) @binding(1) var<storage, read> scores: array<vec4f>;
@group(0) @binding(2) var<storage, read> inverse: array<f32>;
@group(0) @binding(3) var<storage, read> v: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> out: array<vec4f>;

@compute @workgroup_size(4)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(subgroup_invocation_id) subLane: u32,
) {
  let queryTile = params.queryBegin + id.x * 32u;
  let query = queryTile + lane;
  let width = params.headDim / 4u;
  let column = id.y * 4u;
  let lastQuery = min(queryTile + 32u, params.queryEnd) - 1u;
  let pair = params.pairBegin + id.z;
  let stride4 = params.keyStride / 4u;
  let lastKey = params.keys - 1u;
  let end = (visibleKeys(lastQuery) + 3u) / 4u;
  let c0 = min(column + 0u, width - 1u);
  let c1 = min(column + 1u, width - 1u);
  let c2 = min(column + 2u, width - 1u);
  let c3 = min(column + 3u, width - 1u);
  let p0 = scoreRow(id.z, min(query + 0u, lastQuery)) * stride4;
  let p1 = scoreRow(id.z, min(query + 4u, lastQuery)) * stride4;
  let p2 = scoreRow(id.z, min(query + 8u, lastQuery)) * stride4;
  let p3 = scoreRow(id.z, min(query + 12u, lastQuery)) * stride4;
  let p4 = scoreRow(id.z, min(query + 16u, lastQuery)) * stride4;
  let p5 = scoreRow(id.z, min(query + 20u, lastQuery)) * stride4;
  let p6 = scoreRow(id.z, min(query + 24u, lastQuery)) * stride4;
  let p7 = scoreRow(id.z, min(query + 28u, lastQuery)) * stride4;
  var s0_0 = vec4f(0.0); var s0_1 = vec4f(0.0); var s0_2 = vec4f(0.0); var s0_3 = vec4f(0.0);
  var s1_0 = vec4f(0.0); var s1_1 = vec4f(0.0); var s1_2 = vec4f(0.0); var s1_3 = vec4f(0.0);
  var s2_0 = vec4f(0.0); var s2_1 = vec4f(0.0); var s2_2 = vec4f(0.0); var s2_3 = vec4f(0.0);
  var s3_0 = vec4f(0.0); var s3_1 = vec4f(0.0); var s3_2 = vec4f(0.0); var s3_3 = vec4f(0.0);
  var s4_0 = vec4f(0.0); var s4_1 = vec4f(0.0); var s4_2 = vec4f(0.0); var s4_3 = vec4f(0.0);
  var s5_0 = vec4f(0.0); var s5_1 = vec4f(0.0); var s5_2 = vec4f(0.0); var s5_3 = vec4f(0.0);
  var s6_0 = vec4f(0.0); var s6_1 = vec4f(0.0); var s6_2 = vec4f(0.0); var s6_3 = vec4f(0.0);
  var s7_0 = vec4f(0.0); var s7_1 = vec4f(0.0); var s7_2 = vec4f(0.0); var s7_3 = vec4f(0.0);
  for (var k4 = firstKey(queryTile) / 4u; k4 < end; k4 += 1u) {
    let at = keyAt(pair, min(k4 * 4u + subLane, lastKey)) / 4u;
    let f0 = v[at + c0];
    let f1 = v[at + c1];
    let f2 = v[at + c2];
    let f3 = v[at + c3];
    let e0 = scores[p0 + k4];
    let e1 = scores[p1 + k4];
    let e2 = scores[p2 + k4];
    let e3 = scores[p3 + k4];
    let e4 = scores[p4 + k4];
    let e5 = scores[p5 + k4];
    let e6 = scores[p6 + k4];
    let e7 = scores[p7 + k4];
    let b0_0 = subgroupBroadcast(f0, 0u);
    s0_0 += e0.x * b0_0; s1_0 += e1.x * b0_0; s2_0 += e2.x * b0_0; s3_0 += e3.x * b0_0; s4_0 += e4.x * b0_0; s5_0 += e5.x * b0_0; s6_0 += e6.x * b0_0; s7_0 += e7.x * b0_0;
    let b0_1 = subgroupBroadcast(f1, 0u);
    s0_1 += e0.x * b0_1; s1_1 += e1.x * b0_1; s2_1 += e2.x * b0_1; s3_1 += e3.x * b0_1; s4_1 += e4.x * b0_1; s5_1 += e5.x * b0_1; s6_1 += e6.x * b0_1; s7_1 += e7.x * b0_1;
    let b0_2 = subgroupBroadcast(f2, 0u);
    s0_2 += e0.x * b0_2; s1_2 += e1.x * b0_2; s2_2 += e2.x * b0_2; s3_2 += e3.x * b0_2; s4_2 += e4.x * b0_2; s5_2 += e5.x * b0_2; s6_2 += e6.x * b0_2; s7_2 += e7.x * b0_2;
    let b0_3 = subgroupBroadcast(f3, 0u);
    s0_3 += e0.x * b0_3; s1_3 += e1.x * b0_3; s2_3 += e2.x * b0_3; s3_3 += e3.x * b0_3; s4_3 += e4.x * b0_3; s5_3 += e5.x * b0_3; s6_3 += e6.x * b0_3; s7_3 += e7.x * b0_3;
    let b1_0 = subgroupBroadcast(f0, 1u);
    s0_0 += e0.y * b1_0; s1_0 += e1.y * b1_0; s2_0 += e2.y * b1_0; s3_0 += e3.y * b1_0; s4_0 += e4.y * b1_0; s5_0 += e5.y * b1_0; s6_0 += e6.y * b1_0; s7_0 += e7.y * b1_0;
    let b1_1 = subgroupBroadcast(f1, 1u);
    s0_1 += e0.y * b1_1; s1_1 += e1.y * b1_1; s2_1 += e2.y * b1_1; s3_1 += e3.y * b1_1; s4_1 += e4.y * b1_1; s5_1 += e5.y * b1_1; s6_1 += e6.y * b1_1; s7_1 += e7.y * b1_1;
    let b1_2 = subgroupBroadcast(f2, 1u);
    s0_2 += e0.y * b1_2; s1_2 += e1.y * b1_2; s2_2 += e2.y * b1_2; s3_2 += e3.y * b1_2; s4_2 += e4.y * b1_2; s5_2 += e5.y * b1_2; s6_2 += e6.y * b1_2; s7_2 += e7.y * b1_2;
    let b1_3 = subgroupBroadcast(f3, 1u);
    s0_3 += e0.y * b1_3; s1_3 += e1.y * b1_3; s2_3 += e2.y * b1_3; s3_3 += e3.y * b1_3; s4_3 += e4.y * b1_3; s5_3 += e5.y * b1_3; s6_3 += e6.y * b1_3; s7_3 += e7.y * b1_3;
    let b2_0 = subgroupBroadcast(f0, 2u);
    s0_0 += e0.z * b2_0; s1_0 += e1.z * b2_0; s2_0 += e2.z * b2_0; s3_0 += e3.z * b2_0; s4_0 += e4.z * b2_0; s5_0 += e5.z * b2_0; s6_0 += e6.z * b2_0; s7_0 += e7.z * b2_0;
    let b2_1 = subgroupBroadcast(f1, 2u);
    s0_1 += e0.z * b2_1; s1_1 += e1.z * b2_1; s2_1 += e2.z * b2_1; s3_1 += e3.z * b2_1; s4_1 += e4.z * b2_1; s5_1 += e5.z * b2_1; s6_1 += e6.z * b2_1; s7_1 += e7.z * b2_1;
    let b2_2 = subgroupBroadcast(f2, 2u);
    s0_2 += e0.z * b2_2; s1_2 += e1.z * b2_2; s2_2 += e2.z * b2_2; s3_2 += e3.z * b2_2; s4_2 += e4.z * b2_2; s5_2 += e5.z * b2_2; s6_2 += e6.z * b2_2; s7_2 += e7.z * b2_2;
    let b2_3 = subgroupBroadcast(f3, 2u);
    s0_3 += e0.z * b2_3; s1_3 += e1.z * b2_3; s2_3 += e2.z * b2_3; s3_3 += e3.z * b2_3; s4_3 += e4.z * b2_3; s5_3 += e5.z * b2_3; s6_3 += e6.z * b2_3; s7_3 += e7.z * b2_3;
    let b3_0 = subgroupBroadcast(f0, 3u);
    s0_0 += e0.w * b3_0; s1_0 += e1.w * b3_0; s2_0 += e2.w * b3_0; s3_0 += e3.w * b3_0; s4_0 += e4.w * b3_0; s5_0 += e5.w * b3_0; s6_0 += e6.w * b3_0; s7_0 += e7.w * b3_0;
    let b3_1 = subgroupBroadcast(f1, 3u);
    s0_1 += e0.w * b3_1; s1_1 += e1.w * b3_1; s2_1 += e2.w * b3_1; s3_1 += e3.w * b3_1; s4_1 += e4.w * b3_1; s5_1 += e5.w * b3_1; s6_1 += e6.w * b3_1; s7_1 += e7.w * b3_1;
    let b3_2 = subgroupBroadcast(f2, 3u);
    s0_2 += e0.w * b3_2; s1_2 += e1.w * b3_2; s2_2 += e2.w * b3_2; s3_2 += e3.w * b3_2; s4_2 += e4.w * b3_2; s5_2 += e5.w * b3_2; s6_2 += e6.w * b3_2; s7_2 += e7.w * b3_2;
    let b3_3 = subgroupBroadcast(f3, 3u);
    s0_3 += e0.w * b3_3; s1_3 += e1.w * b3_3; s2_3 += e2.w * b3_3; s3_3 += e3.w * b3_3; s4_3 += e4.w * b3_3; s5_3 += e5.w * b3_3; s6_3 += e6.w * b3_3; s7_3 += e7.w * b3_3;
  }
  let tile = array<array<vec4f, 4>, 8>(
    array<vec4f, 4>(s0_0, s0_1, s0_2, s0_3),
    array<vec4f, 4>(s1_0, s1_1, s1_2, s1_3),
    array<vec4f, 4>(s2_0, s2_1, s2_2, s2_3),
    array<vec4f, 4>(s3_0, s3_1, s3_2, s3_3),
    array<vec4f, 4>(s4_0, s4_1, s4_2, s4_3),
    array<vec4f, 4>(s5_0, s5_1, s5_2, s5_3),
    array<vec4f, 4>(s6_0, s6_1, s6_2, s6_3),
    array<vec4f, 4>(s7_0, s7_1, s7_2, s7_3),
  );
  for (var r = 0u; r < 8u && query + r * 4u <= lastQuery; r += 1u) {
    let t = tile[r];
    let weight = inverse[scoreRow(id.z, query + r * 4u)];
    let at = queryAt(pair, query + r * 4u) / 4u + column;
    if (column + 0u < width) {
      out[at + 0u] = t[0] * weight;
    }
    if (column + 1u < width) {
      out[at + 1u] = t[1] * weight;
    }
    if (column + 2u < width) {
      out[at + 2u] = t[2] * weight;
    }
    if (column + 3u < width) {
      out[at + 3u] = t[3] * weight;
    }
  }
}
