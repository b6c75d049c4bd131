// Logits l of a piece become the gradient of factor * loss with respect to the raw logits: (softmax(l) - [target]) *
// factor * slope, slope = 1 - (l / cap)^2 with a soft cap. Rows that are not scored become 0.
struct Params {
  // Elements of the piece in this dispatch.
  begin: u32,
  end: u32,
  cols: u32,
  colBegin: u32,
  rowBegin: u32,
  factor: f32,
  // 0: none.
  softcap: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> logits: array<f32>;
@group(0) @binding(2) var<storage, read> targets: array<u32>;
// By row (max, sum of exp(logit - max), …) over the whole vocabulary.
@group(0) @binding(3) var<storage, read> state: array<vec4f>;

const UNSCORED = 0xffffffffu;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = params.begin + linearWorkgroup(group, groups) * 64u + lane;
  if (i >= params.end) {
    return;
  }
  let row = i / params.cols;
  let known = state[row];
  let wanted = targets[params.rowBegin + row];
  let x = logits[i];
  var value = exp(x - known.x) / known.y;
  if (wanted == params.colBegin + i % params.cols) {
    value -= 1.0;
  }
  if (params.softcap != 0.0) {
    let t = x / params.softcap;
    value *= (1.0 - t) * (1.0 + t);
  }
  logits[i] = select(value * params.factor, 0.0, wanted == UNSCORED);
}
