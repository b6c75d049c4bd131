// Written by scripts/generate-kernels.js; change it there.
// out = scores v / sum(scores), 8 queries x 8 columns (two vec4) per invocation in registers. Needs headDim % 4 == 0.
@group(0) @binding(1) var<storage, read> scores: array<vec4f>;
@group(0) @binding(2) var<storage, read> inverse: array<f32>;
@group(0) @binding(3) var<storage, read> v: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> out: array<vec4f>;

override WIDTH = 8u;
override HEIGHT = 8u;

@compute @workgroup_size(WIDTH, HEIGHT)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let query = params.queryBegin + id.x * 8u;
  let width = params.headDim / 4u;
  let column = id.y * 2u;
  if (query >= params.queryEnd || column >= width) {
    return;
  }
  let second = min(column + 1u, width - 1u);
  let lastQuery = min(query + 8u, params.queryEnd) - 1u;
  let pair = params.pairBegin + id.z;
  let stride4 = params.keyStride / 4u;
  let lastKey = params.keys - 1u;
  let end = (visibleKeys(lastQuery) + 3u) / 4u;
  let p0 = scoreRow(id.z, min(query + 0u, lastQuery)) * stride4;
  let p1 = scoreRow(id.z, min(query + 1u, lastQuery)) * stride4;
  let p2 = scoreRow(id.z, min(query + 2u, lastQuery)) * stride4;
  let p3 = scoreRow(id.z, min(query + 3u, lastQuery)) * stride4;
  let p4 = scoreRow(id.z, min(query + 4u, lastQuery)) * stride4;
  let p5 = scoreRow(id.z, min(query + 5u, lastQuery)) * stride4;
  let p6 = scoreRow(id.z, min(query + 6u, lastQuery)) * stride4;
  let p7 = scoreRow(id.z, min(query + 7u, lastQuery)) * stride4;
  var s0_0 = vec4f(0.0); var s0_1 = vec4f(0.0);
  var s1_0 = vec4f(0.0); var s1_1 = vec4f(0.0);
  var s2_0 = vec4f(0.0); var s2_1 = vec4f(0.0);
  var s3_0 = vec4f(0.0); var s3_1 = vec4f(0.0);
  var s4_0 = vec4f(0.0); var s4_1 = vec4f(0.0);
  var s5_0 = vec4f(0.0); var s5_1 = vec4f(0.0);
  var s6_0 = vec4f(0.0); var s6_1 = vec4f(0.0);
  var s7_0 = vec4f(0.0); var s7_1 = vec4f(0.0);
  for (var k4 = firstKey(query) / 4u; k4 < end; k4 += 1u) {
    let e0 = scores[p0 + k4];
    let e1 = scores[p1 + k4];
    let e2 = scores[p2 + k4];
    let e3 = scores[p3 + k4];
    let e4 = scores[p4 + k4];
    let e5 = scores[p5 + k4];
    let e6 = scores[p6 + k4];
    let e7 = scores[p7 + k4];
    let at0 = keyAt(pair, min(k4 * 4u + 0u, lastKey)) / 4u;
    let a0 = v[at0 + column];
    let b0 = v[at0 + second];
    s0_0 += e0.x * a0; s0_1 += e0.x * b0;
    s1_0 += e1.x * a0; s1_1 += e1.x * b0;
    s2_0 += e2.x * a0; s2_1 += e2.x * b0;
    s3_0 += e3.x * a0; s3_1 += e3.x * b0;
    s4_0 += e4.x * a0; s4_1 += e4.x * b0;
    s5_0 += e5.x * a0; s5_1 += e5.x * b0;
    s6_0 += e6.x * a0; s6_1 += e6.x * b0;
    s7_0 += e7.x * a0; s7_1 += e7.x * b0;
    let at1 = keyAt(pair, min(k4 * 4u + 1u, lastKey)) / 4u;
    let a1 = v[at1 + column];
    let b1 = v[at1 + second];
    s0_0 += e0.y * a1; s0_1 += e0.y * b1;
    s1_0 += e1.y * a1; s1_1 += e1.y * b1;
    s2_0 += e2.y * a1; s2_1 += e2.y * b1;
    s3_0 += e3.y * a1; s3_1 += e3.y * b1;
    s4_0 += e4.y * a1; s4_1 += e4.y * b1;
    s5_0 += e5.y * a1; s5_1 += e5.y * b1;
    s6_0 += e6.y * a1; s6_1 += e6.y * b1;
    s7_0 += e7.y * a1; s7_1 += e7.y * b1;
    let at2 = keyAt(pair, min(k4 * 4u + 2u, lastKey)) / 4u;
    let a2 = v[at2 + column];
    let b2 = v[at2 + second];
    s0_0 += e0.z * a2; s0_1 += e0.z * b2;
    s1_0 += e1.z * a2; s1_1 += e1.z * b2;
    s2_0 += e2.z * a2; s2_1 += e2.z * b2;
    s3_0 += e3.z * a2; s3_1 += e3.z * b2;
    s4_0 += e4.z * a2; s4_1 += e4.z * b2;
    s5_0 += e5.z * a2; s5_1 += e5.z * b2;
    s6_0 += e6.z * a2; s6_1 += e6.z * b2;
    s7_0 += e7.z * a2; s7_1 += e7.z * b2;
    let at3 = keyAt(pair, min(k4 * 4u + 3u, lastKey)) / 4u;
    let a3 = v[at3 + column];
    let b3 = v[at3 + second];
    s0_0 += e0.w * a3; s0_1 += e0.w * b3;
    s1_0 += e1.w * a3; s1_1 += e1.w * b3;
    s2_0 += e2.w * a3; s2_1 += e2.w * b3;
    s3_0 += e3.w * a3; s3_1 += e3.w * b3;
    s4_0 += e4.w * a3; s4_1 += e4.w * b3;
    s5_0 += e5.w * a3; s5_1 += e5.w * b3;
    s6_0 += e6.w * a3; s6_1 += e6.w * b3;
    s7_0 += e7.w * a3; s7_1 += e7.w * b3;
  }
  let tile = array<array<vec4f, 2>, 8>(
    array<vec4f, 2>(s0_0, s0_1),
    array<vec4f, 2>(s1_0, s1_1),
    array<vec4f, 2>(s2_0, s2_1),
    array<vec4f, 2>(s3_0, s3_1),
    array<vec4f, 2>(s4_0, s4_1),
    array<vec4f, 2>(s5_0, s5_1),
    array<vec4f, 2>(s6_0, s6_1),
    array<vec4f, 2>(s7_0, s7_1),
  );
  for (var r = 0u; r < 8u && query + r * 1u <= lastQuery; r += 1u) {
    let t = tile[r];
    let weight = inverse[scoreRow(id.z, query + r * 1u)];
    let at = queryAt(pair, query + r * 1u) / 4u + column;
    if (column + 0u < width) {
      out[at + 0u] = t[0] * weight;
    }
    if (column + 1u < width) {
      out[at + 1u] = t[1] * weight;
    }
  }
}
