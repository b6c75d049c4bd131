// Four outputs per invocation, four columns at a time as in matvecLane, whose sums it gives bit for bit: for software
// adapters, where a branch costs more than the load that it saves. Needs k % 4 == 0.
@group(0) @binding(1) var<storage, read> x: array<vec4f>;

// Four neighbouring weights by their bits; `at` goes on to the next value.
fn four(at: ptr<function, u32>, bits: u32) -> vec4f {
  let kept = (vec4u(bits) >> vec4u(0u, 1u, 2u, 3u)) & vec4u(1u);
  let first = *at;
  let second = first + kept.x;
  let third = second + kept.y;
  let fourth = third + kept.z;
  *at = fourth + kept.w;
  let all = vec4f(valueAt(first), valueAt(second), valueAt(third), valueAt(fourth));
  return select(vec4f(0.0), all, kept != vec4u(0u));
}

@compute @workgroup_size(4)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = params.rowBegin + (group.x * 4u + lane) * 4u;
  if (row >= params.rowEnd) {
    return;
  }
  let k4 = params.k / 4u;
  // Rows past the end repeat the last one and are not stored.
  let last = params.rowEnd - 1u;
  let r1 = min(row + 1u, last);
  let r2 = min(row + 2u, last);
  let r3 = min(row + 3u, last);
  var a0 = rowStart(row);
  var a1 = rowStart(r1);
  var a2 = rowStart(r2);
  var a3 = rowStart(r3);
  var sum = vec4f(0.0);
  for (var begin = 0u; begin < k4; begin += 8u) {
    let word = begin / 8u;
    var m0 = index[row * params.wordsPerRow + word];
    var m1 = index[r1 * params.wordsPerRow + word];
    var m2 = index[r2 * params.wordsPerRow + word];
    var m3 = index[r3 * params.wordsPerRow + word];
    let end = min(begin + 8u, k4);
    for (var k = begin; k < end; k += 1u) {
      let v = x[k];
      sum += vec4f(dot(v, four(&a0, m0)), dot(v, four(&a1, m1)), dot(v, four(&a2, m2)), dot(v, four(&a3, m3)));
      m0 >>= 4u;
      m1 >>= 4u;
      m2 >>= 4u;
      m3 >>= 4u;
    }
  }
  put(0u, row, sum.x);
  put(0u, row + 1u, sum.y);
  put(0u, row + 2u, sum.z);
  put(0u, row + 3u, sum.w);
}
