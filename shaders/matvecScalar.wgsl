// One output per invocation, any k.
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<W1>;

@compute @workgroup_size(32)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = params.rowBegin + group.x * 32u + lane;
  if (row >= params.rowEnd) {
    return;
  }
  let xBegin = group.y * params.k;
  let wBegin = row * params.k;
  var sum = 0.0;
  for (var begin = 0u; begin < params.k; begin += 32u) {
    let bits = kept(row, begin / 32u);
    let end = min(begin + 32u, params.k);
    for (var k = begin; k < end; k += 1u) {
      let w = weight1(weight[(wBegin + k) >> W1_SHIFT], wBegin + k);
      sum += x[xBegin + k] * select(0.0, w, ((bits >> (k - begin)) & 1u) != 0u);
    }
  }
  put(group.y, row, sum);
}
