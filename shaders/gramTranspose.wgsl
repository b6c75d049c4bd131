// Rows of x turned into columns: out[c, t] = x[rowBegin + t, c] for t < tokens, zeros up to the next multiple of 4.
// One invocation moves four neighbouring tokens of a column.
struct Params {
  rowBegin: u32,
  tokens: u32,
  cols: u32,
  // First group of four tokens of this dispatch, and how many groups a row of `out` has.
  groupBegin: u32,
  groups: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let col = id.x;
  if (col >= params.cols) {
    return;
  }
  let group = params.groupBegin + id.y;
  let token = group * 4u;
  let at = (params.rowBegin + token) * params.cols + col;
  var v = vec4f();
  if (token + 4u <= params.tokens) {
    v = vec4f(x[at], x[at + params.cols], x[at + 2u * params.cols], x[at + 3u * params.cols]);
  } else {
    for (var i = 0u; token + i < params.tokens; i += 1u) {
      v[i] = x[at + i * params.cols];
    }
  }
  out[col * params.groups + group] = v;
}
