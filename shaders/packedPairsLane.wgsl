// packedMaskLane for 2:4: every four columns hold two values, which are loaded once and put in their places.
@group(0) @binding(1) var<storage, read> x: array<vec4f>;

// `at` is even: two 16-bit values are one word.
fn pair(at: u32, bits: u32) -> vec4f {
  let word = values[at >> W1_SHIFT];
  let a = weight1(word, at);
  var b = weight1(word, at + 1u);
  if (W1_SHIFT == 0u) {
    b = weight1(values[at + 1u], at + 1u);
  }
  let kept = (vec4u(bits) & vec4u(1u, 2u, 4u, 8u)) != vec4u(0u);
  // Whether a value came before.
  let later = (vec4u(bits) & vec4u(0u, 1u, 3u, 7u)) != vec4u(0u);
  return select(vec4f(0.0), select(vec4f(a), vec4f(b), later), kept);
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
  let a0 = row * params.perRow;
  let a1 = r1 * params.perRow;
  let a2 = r2 * params.perRow;
  let a3 = r3 * params.perRow;
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
      let at = 2u * k;
      sum += vec4f(
        dot(v, pair(a0 + at, m0)),
        dot(v, pair(a1 + at, m1)),
        dot(v, pair(a2 + at, m2)),
        dot(v, pair(a3 + at, m3)),
      );
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
