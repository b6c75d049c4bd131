// Written by scripts/generate-kernels.js; change it there.
// y = x W^T on hardware, f32 throughout: a 128 x 64 output tile per workgroup, k in steps of 16 through workgroup memory,
// 8 x 8 outputs per invocation; the next step is fetched while this one is multiplied. Needs k % 4 == 0.
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> weight: array<W4>;

// A row takes one vec4 more than it has, so that neighbours fall into different banks.
const STRIDE = 5u;
var<workgroup> xTile: array<vec4f, 640>;
var<workgroup> wTile: array<vec4f, 320>;

fn xAt(begin: u32, k: u32) -> vec4f {
  if (k >= params.k / 4u) {
    return vec4f();
  }
  return x[begin + k];
}

fn wAt(begin: u32, k: u32) -> vec4f {
  if (k >= params.k / 4u) {
    return vec4f();
  }
  return weight4(weight[begin + k]);
}

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let k4 = params.k / 4u;
  let row0 = params.rowBegin + group.y * 128u;
  let column0 = params.colBegin + group.x * 64u;
  // What this invocation brings: rows past the edge repeat the last one.
  let fetchRow = lane / 4u;
  let fetchK = lane % 4u;
  let slot = fetchRow * STRIDE + fetchK;
  let x0 = min(row0 + fetchRow + 0u, params.rowEnd - 1u) * k4;
  var p0 = xAt(x0, fetchK);
  let x1 = min(row0 + fetchRow + 32u, params.rowEnd - 1u) * k4;
  var p1 = xAt(x1, fetchK);
  let x2 = min(row0 + fetchRow + 64u, params.rowEnd - 1u) * k4;
  var p2 = xAt(x2, fetchK);
  let x3 = min(row0 + fetchRow + 96u, params.rowEnd - 1u) * k4;
  var p3 = xAt(x3, fetchK);
  let w0 = min(column0 + fetchRow + 0u, params.colEnd - 1u) * k4;
  var q0 = wAt(w0, fetchK);
  let w1 = min(column0 + fetchRow + 32u, params.colEnd - 1u) * k4;
  var q1 = wAt(w1, fetchK);
  // What it computes: rows down + 16 i, columns across + 8 j.
  let across = lane % 8u;
  let down = lane / 8u;
  let a = down * STRIDE;
  let b = across * STRIDE;
  var s0_0 = 0.0; var s0_1 = 0.0; var s0_2 = 0.0; var s0_3 = 0.0; var s0_4 = 0.0; var s0_5 = 0.0; var s0_6 = 0.0; var s0_7 = 0.0;
  var s1_0 = 0.0; var s1_1 = 0.0; var s1_2 = 0.0; var s1_3 = 0.0; var s1_4 = 0.0; var s1_5 = 0.0; var s1_6 = 0.0; var s1_7 = 0.0;
  var s2_0 = 0.0; var s2_1 = 0.0; var s2_2 = 0.0; var s2_3 = 0.0; var s2_4 = 0.0; var s2_5 = 0.0; var s2_6 = 0.0; var s2_7 = 0.0;
  var s3_0 = 0.0; var s3_1 = 0.0; var s3_2 = 0.0; var s3_3 = 0.0; var s3_4 = 0.0; var s3_5 = 0.0; var s3_6 = 0.0; var s3_7 = 0.0;
  var s4_0 = 0.0; var s4_1 = 0.0; var s4_2 = 0.0; var s4_3 = 0.0; var s4_4 = 0.0; var s4_5 = 0.0; var s4_6 = 0.0; var s4_7 = 0.0;
  var s5_0 = 0.0; var s5_1 = 0.0; var s5_2 = 0.0; var s5_3 = 0.0; var s5_4 = 0.0; var s5_5 = 0.0; var s5_6 = 0.0; var s5_7 = 0.0;
  var s6_0 = 0.0; var s6_1 = 0.0; var s6_2 = 0.0; var s6_3 = 0.0; var s6_4 = 0.0; var s6_5 = 0.0; var s6_6 = 0.0; var s6_7 = 0.0;
  var s7_0 = 0.0; var s7_1 = 0.0; var s7_2 = 0.0; var s7_3 = 0.0; var s7_4 = 0.0; var s7_5 = 0.0; var s7_6 = 0.0; var s7_7 = 0.0;
  for (var begin = 0u; begin < k4; begin += 4u) {
    xTile[slot + 0u * STRIDE] = p0;
    xTile[slot + 32u * STRIDE] = p1;
    xTile[slot + 64u * STRIDE] = p2;
    xTile[slot + 96u * STRIDE] = p3;
    wTile[slot + 0u * STRIDE] = q0;
    wTile[slot + 32u * STRIDE] = q1;
    workgroupBarrier();
    let next = begin + 4u + fetchK;
    p0 = xAt(x0, next);
    p1 = xAt(x1, next);
    p2 = xAt(x2, next);
    p3 = xAt(x3, next);
    q0 = wAt(w0, next);
    q1 = wAt(w1, next);
    for (var s = 0u; s < 4u; s += 1u) {
      let v0 = xTile[a + 0u * STRIDE + s];
      let v1 = xTile[a + 16u * STRIDE + s];
      let v2 = xTile[a + 32u * STRIDE + s];
      let v3 = xTile[a + 48u * STRIDE + s];
      let v4 = xTile[a + 64u * STRIDE + s];
      let v5 = xTile[a + 80u * STRIDE + s];
      let v6 = xTile[a + 96u * STRIDE + s];
      let v7 = xTile[a + 112u * STRIDE + s];
      let b0 = wTile[b + 0u * STRIDE + s];
      s0_0 += dot(v0, b0); s1_0 += dot(v1, b0); s2_0 += dot(v2, b0); s3_0 += dot(v3, b0); s4_0 += dot(v4, b0); s5_0 += dot(v5, b0); s6_0 += dot(v6, b0); s7_0 += dot(v7, b0);
      let b1 = wTile[b + 8u * STRIDE + s];
      s0_1 += dot(v0, b1); s1_1 += dot(v1, b1); s2_1 += dot(v2, b1); s3_1 += dot(v3, b1); s4_1 += dot(v4, b1); s5_1 += dot(v5, b1); s6_1 += dot(v6, b1); s7_1 += dot(v7, b1);
      let b2 = wTile[b + 16u * STRIDE + s];
      s0_2 += dot(v0, b2); s1_2 += dot(v1, b2); s2_2 += dot(v2, b2); s3_2 += dot(v3, b2); s4_2 += dot(v4, b2); s5_2 += dot(v5, b2); s6_2 += dot(v6, b2); s7_2 += dot(v7, b2);
      let b3 = wTile[b + 24u * STRIDE + s];
      s0_3 += dot(v0, b3); s1_3 += dot(v1, b3); s2_3 += dot(v2, b3); s3_3 += dot(v3, b3); s4_3 += dot(v4, b3); s5_3 += dot(v5, b3); s6_3 += dot(v6, b3); s7_3 += dot(v7, b3);
      let b4 = wTile[b + 32u * STRIDE + s];
      s0_4 += dot(v0, b4); s1_4 += dot(v1, b4); s2_4 += dot(v2, b4); s3_4 += dot(v3, b4); s4_4 += dot(v4, b4); s5_4 += dot(v5, b4); s6_4 += dot(v6, b4); s7_4 += dot(v7, b4);
      let b5 = wTile[b + 40u * STRIDE + s];
      s0_5 += dot(v0, b5); s1_5 += dot(v1, b5); s2_5 += dot(v2, b5); s3_5 += dot(v3, b5); s4_5 += dot(v4, b5); s5_5 += dot(v5, b5); s6_5 += dot(v6, b5); s7_5 += dot(v7, b5);
      let b6 = wTile[b + 48u * STRIDE + s];
      s0_6 += dot(v0, b6); s1_6 += dot(v1, b6); s2_6 += dot(v2, b6); s3_6 += dot(v3, b6); s4_6 += dot(v4, b6); s5_6 += dot(v5, b6); s6_6 += dot(v6, b6); s7_6 += dot(v7, b6);
      let b7 = wTile[b + 56u * STRIDE + s];
      s0_7 += dot(v0, b7); s1_7 += dot(v1, b7); s2_7 += dot(v2, b7); s3_7 += dot(v3, b7); s4_7 += dot(v4, b7); s5_7 += dot(v5, b7); s6_7 += dot(v6, b7); s7_7 += dot(v7, b7);
    }
    workgroupBarrier();
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
  for (var r = 0u; r < 8u; r += 1u) {
    let t = tile[r];
    for (var j = 0u; j < 8u; j += 1u) {
      put(row0 + down + r * 16u, column0 + across + j * 8u, t[j]);
    }
  }
}
