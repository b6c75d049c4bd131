// y = x W^T for any k, one output per invocation: where rows do not divide into vec4.
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<W1>;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let column = params.colBegin + id.x;
  let row = params.rowBegin + id.y;
  if (row >= params.rowEnd || column >= params.colEnd) {
    return;
  }
  let xBegin = row * params.k;
  let wBegin = column * params.k;
  var sum = 0.0;
  for (var k = 0u; k < params.k; k += 1u) {
    sum += x[xBegin + k] * weight1(weight[(wBegin + k) >> W1_SHIFT], wBegin + k);
  }
  put(row, column, sum);
}
