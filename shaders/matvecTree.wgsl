// One output per workgroup, its lanes side by side along k: for hardware. Needs k % 4 == 0.
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> weight: array<W4>;

var<workgroup> sums: array<f32, 64>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  // Rows fold over x and z; y counts the rows of x.
  let row = params.rowBegin + group.z * groups.x + group.x;
  // The same for the whole workgroup, so returning before the barriers is allowed.
  if (row >= params.rowEnd) {
    return;
  }
  let k4 = params.k / 4u;
  let xBegin = group.y * k4;
  let wBegin = row * k4;
  var sum = 0.0;
  for (var k = lane; k < k4; k += 64u) {
    sum += dot(x[xBegin + k], keep4(weight4(weight[wBegin + k]), kept(row, k / 8u) >> (k % 8u * 4u)));
  }
  sums[lane] = sum;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half >>= 1u) {
    if (lane < half) {
      sums[lane] += sums[lane + half];
    }
    workgroupBarrier();
  }
  if (lane == 0u) {
    put(group.y, row, sums[0]);
  }
}
