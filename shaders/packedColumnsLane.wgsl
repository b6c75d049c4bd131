// One output per invocation through the columns of its values, eight to a turn of the loop, which costs as much as two
// loads: for software adapters. Sums agree with those of matvecLane but for rounding.
@group(0) @binding(1) var<storage, read> x: array<f32>;

fn term(i: u32) -> f32 {
  return x[columnAt(i)] * valueAt(i);
}

@compute @workgroup_size(16)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = params.rowBegin + group.x * 16u + lane;
  if (row >= params.rowEnd) {
    return;
  }
  let end = offsets[row + 1u];
  var i = rowStart(row);
  var sum = 0.0;
  for (; i + 8u <= end; i += 8u) {
    sum += term(i) + term(i + 1u) + term(i + 2u) + term(i + 3u) + term(i + 4u) + term(i + 5u) + term(i + 6u) + term(i + 7u);
  }
  for (; i < end; i += 1u) {
    sum += term(i);
  }
  put(0u, row, sum);
}
