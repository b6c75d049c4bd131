// Shared by the kernels that fold a piece of the logits [rows, cols] (columns colBegin.. of the vocabulary) into the
// running (max, sum of exp(logit - max), logit of the target, 1 if a logit was not finite) of each row.
struct Params {
  // Rows of the piece in this dispatch.
  first: u32,
  end: u32,
  cols: u32,
  colBegin: u32,
  // Row 0 of the piece is this row of targets and losses.
  rowBegin: u32,
  isFirst: u32,
  isLast: u32,
  // NaN: the loss of a row with a logit that is not finite. A number by the uniform, since WGSL has no NaN literal.
  invalid: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> targets: array<u32>;
@group(0) @binding(3) var<storage, read_write> state: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> losses: array<f32>;

const LOWEST = -3.4028234e38;
const UNSCORED = 0xffffffffu;

// By bits: exp and max may swallow a NaN, and compilers may assume there is none.
fn notFinite(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7f800000u) == 0x7f800000u;
}

fn before(row: u32) -> vec4f {
  if (params.isFirst != 0u) {
    return vec4f(LOWEST, 0.0, 0.0, 0.0);
  }
  return state[row];
}

// Joins the piece's (max, sum, unused, bad) to the row's state; with the last piece writes -log softmax[target].
fn join(row: u32, piece: vec4f) {
  let old = before(row);
  let highest = max(old.x, piece.x);
  var now = vec4f(highest, old.y * exp(old.x - highest) + piece.y * exp(piece.x - highest), old.z, max(old.w, piece.w));
  let wanted = targets[params.rowBegin + row];
  if (wanted >= params.colBegin && wanted < params.colBegin + params.cols) {
    now.z = logits[row * params.cols + wanted - params.colBegin];
  }
  state[row] = now;
  if (params.isLast != 0u) {
    let loss = log(now.y) + now.x - now.z;
    losses[params.rowBegin + row] = select(select(loss, params.invalid, now.w != 0.0), 0.0, wanted == UNSCORED);
  }
}
