// Written by scripts/generate-kernels.js; change it there.
// y = x W^T on hardware, f32 throughout: a 32 x 32 output tile per workgroup, k in steps of 32 through workgroup memory,
// 4 x 4 outputs per invocation; the next step is fetched while this one is multiplied. Needs k % 4 == 0.
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> weight: array<W4>;

// A row takes one vec4 more than it has, so that neighbours fall into different banks.
const STRIDE = 9u;
var<workgroup> xTile: array<vec4f, 288>;
var<workgroup> wTile: array<vec4f, 288>;

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

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let k4 = params.k / 4u;
  let row0 = params.rowBegin + group.y * 32u;
  let column0 = params.colBegin + group.x * 32u;
  // What this invocation brings: rows past the edge repeat the last one.
  let fetchRow = lane / 8u;
  let fetchK = lane % 8u;
  let slot = fetchRow * STRIDE + fetchK;
  let x0 = min(row0 + fetchRow + 0u, params.rowEnd - 1u) * k4;
  var p0 = xAt(x0, fetchK);
  let x1 = min(row0 + fetchRow + 8u, params.rowEnd - 1u) * k4;
  var p1 = xAt(x1, fetchK);
  let x2 = min(row0 + fetchRow + 16u, params.rowEnd - 1u) * k4;
  var p2 = xAt(x2, fetchK);
  let x3 = min(row0 + fetchRow + 24u, params.rowEnd - 1u) * k4;
  var p3 = xAt(x3, fetchK);
  let w0 = min(column0 + fetchRow + 0u, params.colEnd - 1u) * k4;
  var q0 = wAt(w0, fetchK);
  let w1 = min(column0 + fetchRow + 8u, params.colEnd - 1u) * k4;
  var q1 = wAt(w1, fetchK);
  let w2 = min(column0 + fetchRow + 16u, params.colEnd - 1u) * k4;
  var q2 = wAt(w2, fetchK);
  let w3 = min(column0 + fetchRow + 24u, params.colEnd - 1u) * k4;
  var q3 = wAt(w3, fetchK);
  // What it computes: rows down + 8 i, columns across + 8 j.
  let across = lane % 8u;
  let down = lane / 8u;
  let a = down * STRIDE;
  let b = across * STRIDE;
  var s0_0 = 0.0; var s0_1 = 0.0; var s0_2 = 0.0; var s0_3 = 0.0;
  var s1_0 = 0.0; var s1_1 = 0.0; var s1_2 = 0.0; var s1_3 = 0.0;
  var s2_0 = 0.0; var s2_1 = 0.0; var s2_2 = 0.0; var s2_3 = 0.0;
  var s3_0 = 0.0; var s3_1 = 0.0; var s3_2 = 0.0; var s3_3 = 0.0;
  for (var begin = 0u; begin < k4; begin += 8u) {
    xTile[slot + 0u * STRIDE] = p0;
    xTile[slot + 8u * STRIDE] = p1;
    xTile[slot + 16u * STRIDE] = p2;
    xTile[slot + 24u * STRIDE] = p3;
    wTile[slot + 0u * STRIDE] = q0;
    wTile[slot + 8u * STRIDE] = q1;
    wTile[slot + 16u * STRIDE] = q2;
    wTile[slot + 24u * STRIDE] = q3;
    workgroupBarrier();
    let next = begin + 8u + fetchK;
    p0 = xAt(x0, next);
    p1 = xAt(x1, next);
    p2 = xAt(x2, next);
    p3 = xAt(x3, next);
    q0 = wAt(w0, next);
    q1 = wAt(w1, next);
    q2 = wAt(w2, next);
    q3 = wAt(w3, next);
    for (var s = 0u; s < 8u; s += 1u) {
      let v0 = xTile[a + 0u * STRIDE + s];
      let v1 = xTile[a + 8u * STRIDE + s];
      let v2 = xTile[a + 16u * STRIDE + s];
      let v3 = xTile[a + 24u * STRIDE + s];
      let b0 = wTile[b + 0u * STRIDE + s];
      s0_0 += dot(v0, b0); s1_0 += dot(v1, b0); s2_0 += dot(v2, b0); s3_0 += dot(v3, b0);
      let b1 = wTile[b + 8u * STRIDE + s];
      s0_1 += dot(v0, b1); s1_1 += dot(v1, b1); s2_1 += dot(v2, b1); s3_1 += dot(v3, b1);
      let b2 = wTile[b + 16u * STRIDE + s];
      s0_2 += dot(v0, b2); s1_2 += dot(v1, b2); s2_2 += dot(v2, b2); s3_2 += dot(v3, b2);
      let b3 = wTile[b + 24u * STRIDE + s];
      s0_3 += dot(v0, b3); s1_3 += dot(v1, b3); s2_3 += dot(v2, b3); s3_3 += dot(v3, b3);
    }
    workgroupBarrier();
  }
  let tile = array<array<f32, 4>, 4>(
    array<f32, 4>(s0_0, s0_1, s0_2, s0_3),
    array<f32, 4>(s1_0, s1_1, s1_2, s1_3),
    array<f32, 4>(s2_0, s2_1, s2_2, s2_3),
    array<f32, 4>(s3_0, s3_1, s3_2, s3_3),
  );
  for (var r = 0u; r < 4u; r += 1u) {
    let t = tile[r];
    for (var j = 0u; j < 4u; j += 1u) {
      put(row0 + down + r * 8u, column0 + across + j * 8u, t[j]);
    }
  }
}
