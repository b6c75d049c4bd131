// y = x W^T on hardware: a 64 x 64 output tile per workgroup, k in steps of 16 through workgroup memory, 4 x 4
// outputs per invocation. Needs k % 4 == 0.
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> weight: array<W4>;

// 64 rows of 4 vec4; a row takes 5 so that neighbours fall into different banks.
const STRIDE = 5u;
var<workgroup> xTile: array<vec4f, 320>;
var<workgroup> wTile: array<vec4f, 320>;

@compute @workgroup_size(16, 16)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let k4 = params.k / 4u;
  let row0 = params.rowBegin + group.y * 64u;
  let column0 = params.colBegin + group.x * 64u;
  // Each invocation brings one vec4 of each tile per step; rows past the edge repeat the last one.
  let fetchRow = lane / 4u;
  let fetchK = lane % 4u;
  let xBegin = min(row0 + fetchRow, params.rowEnd - 1u) * k4;
  let wBegin = min(column0 + fetchRow, params.colEnd - 1u) * k4;
  let slot = fetchRow * STRIDE + fetchK;

  // sum<i>: row local.y + 16 i; its components: columns local.x + 16 j.
  var sum0 = vec4f(0.0);
  var sum1 = vec4f(0.0);
  var sum2 = vec4f(0.0);
  var sum3 = vec4f(0.0);
  for (var begin = 0u; begin < k4; begin += 4u) {
    let k = begin + fetchK;
    if (k < k4) {
      xTile[slot] = x[xBegin + k];
      wTile[slot] = weight4(weight[wBegin + k]);
    } else {
      xTile[slot] = vec4f(0.0);
      wTile[slot] = vec4f(0.0);
    }
    workgroupBarrier();
    for (var s = 0u; s < 4u; s += 1u) {
      let a = local.y * STRIDE + s;
      let b = local.x * STRIDE + s;
      let x0 = xTile[a];
      let x1 = xTile[a + 16u * STRIDE];
      let x2 = xTile[a + 32u * STRIDE];
      let x3 = xTile[a + 48u * STRIDE];
      let w0 = wTile[b];
      let w1 = wTile[b + 16u * STRIDE];
      let w2 = wTile[b + 32u * STRIDE];
      let w3 = wTile[b + 48u * STRIDE];
      sum0 += vec4f(dot(x0, w0), dot(x0, w1), dot(x0, w2), dot(x0, w3));
      sum1 += vec4f(dot(x1, w0), dot(x1, w1), dot(x1, w2), dot(x1, w3));
      sum2 += vec4f(dot(x2, w0), dot(x2, w1), dot(x2, w2), dot(x2, w3));
      sum3 += vec4f(dot(x3, w0), dot(x3, w1), dot(x3, w2), dot(x3, w3));
    }
    workgroupBarrier();
  }
  let sums = array<vec4f, 4>(sum0, sum1, sum2, sum3);
  for (var i = 0u; i < 4u; i += 1u) {
    for (var j = 0u; j < 4u; j += 1u) {
      put(row0 + local.y + 16u * i, column0 + local.x + 16u * j, sums[i][j]);
    }
  }
}
