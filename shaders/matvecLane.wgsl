// Four outputs per invocation, no barriers: for software adapters. Needs k % 4 == 0.
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> weight: array<W4>;

@compute @workgroup_size(4)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = params.rowBegin + (group.x * 4u + lane) * 4u;
  if (row >= params.rowEnd) {
    return;
  }
  let k4 = params.k / 4u;
  let xBegin = group.y * k4;
  let last = params.rowEnd - 1u;
  let r1 = min(row + 1u, last);
  let r2 = min(row + 2u, last);
  let r3 = min(row + 3u, last);
  let w0 = row * k4;
  let w1 = r1 * k4;
  let w2 = r2 * k4;
  let w3 = r3 * k4;
  var sum = vec4f(0.0);
  for (var begin = 0u; begin < k4; begin += 8u) {
    let word = begin / 8u;
    var m0 = kept(row, word);
    var m1 = kept(r1, word);
    var m2 = kept(r2, word);
    var m3 = kept(r3, word);
    let end = min(begin + 8u, k4);
    for (var k = begin; k < end; k += 1u) {
      let v = x[xBegin + k];
      sum += vec4f(
        dot(v, keep4(weight4(weight[w0 + k]), m0)),
        dot(v, keep4(weight4(weight[w1 + k]), m1)),
        dot(v, keep4(weight4(weight[w2 + k]), m2)),
        dot(v, keep4(weight4(weight[w3 + k]), m3)),
      );
      m0 >>= 4u;
      m1 >>= 4u;
      m2 >>= 4u;
      m3 >>= 4u;
    }
  }
  put(group.y, row, sum.x);
  put(group.y, row + 1u, sum.y);
  put(group.y, row + 2u, sum.z);
  put(group.y, row + 3u, sum.w);
}
