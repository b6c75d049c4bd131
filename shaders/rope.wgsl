// Rotary position embedding in place. The halves of the rotated part pair up: (i, i + rotaryDim / 2).
// One invocation turns one pair index of one row in all heads, so cosine and sine are loaded once.
struct Params {
  // Rows in this dispatch.
  rowBegin: u32,
  rowEnd: u32,
  heads: u32,
  headDim: u32,
  // Half of the rotated width; the rest of a head passes through.
  pairs: u32,
  seqLength: u32,
  positionBegin: u32,
  // 1, or -1 to turn back.
  direction: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
// [positions, pairs] of (cos, sin).
@group(0) @binding(1) var<storage, read> table: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> x: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = linearWorkgroup(group, groups) * 64u + lane;
  if (i >= (params.rowEnd - params.rowBegin) * params.pairs) {
    return;
  }
  let row = params.rowBegin + i / params.pairs;
  let pair = i % params.pairs;
  let position = row % params.seqLength + params.positionBegin;
  let turn = table[position * params.pairs + pair] * vec2f(1.0, params.direction);
  var at = row * params.heads * params.headDim + pair;
  for (var head = 0u; head < params.heads; head += 1u) {
    let a = x[at];
    let b = x[at + params.pairs];
    x[at] = a * turn.x - b * turn.y;
    x[at + params.pairs] = b * turn.x + a * turn.y;
    at += params.headDim;
  }
}
