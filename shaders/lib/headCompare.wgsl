// Shared by the kernels that compare two streams' logits piece by piece: dense (p = softmax(a)) and pruned (q =
// softmax(b)), [rows, cols], columns colBegin.. of the vocabulary.
//
// KL(p || q) = sum p (a - b) + log sum e^b - log sum e^a cancels: for near streams nothing would be left of it in f32.
// With u = (b - a) - E_p[b - a] it is log(1 + E_p[e^u - 1 - u]), a mean of terms that are never negative. Two parts of
// a vocabulary join like this: where one lies d off the common mean, its E[e^u - 1 - u] becomes
// e^d E[e^u - 1 - u] + e^d - 1 - d, because its own E[u] is 0. Nothing is subtracted anywhere.
struct Params {
  // Rows of the piece in this dispatch.
  first: u32,
  end: u32,
  cols: u32,
  colBegin: u32,
  // Row 0 of the piece is this row of targets and out.
  rowBegin: u32,
  isFirst: u32,
  isLast: u32,
  // NaN: what a row with a logit that is not finite gets. By the uniform, since WGSL has no NaN literal.
  invalid: f32,
}

// What is known of a row so far.
struct Row {
  // Largest logit and sum of e^(logit - largest).
  maxA: f32,
  sumA: f32,
  maxB: f32,
  sumB: f32,
  // E_p[b - a] = base + mean; base is the row's first difference, so that mean keeps its digits.
  base: f32,
  mean: f32,
  // E_p[e^u - 1 - u].
  excess: f32,
  targetA: f32,
  targetB: f32,
  argA: u32,
  argB: u32,
  flags: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dense: array<f32>;
@group(0) @binding(2) var<storage, read> pruned: array<f32>;
@group(0) @binding(3) var<storage, read> targets: array<u32>;
@group(0) @binding(4) var<storage, read_write> state: array<Row>;
// KL in nats, 1 where both have the same largest logit, loss of pruned, loss of dense.
@group(0) @binding(5) var<storage, read_write> out: array<vec4f>;

const LOWEST = -3.4028234e38;
const UNSCORED = 0xffffffffu;
const BAD_A = 1u;
const BAD_B = 2u;
// The excess went beyond what f32 holds: KL is the plain difference then, large enough not to cancel.
const FAR = 4u;
// e^LIMIT * MOST stays below the largest f32.
const LIMIT = 40.0;
const MOST = 1e19;

// By bits: exp and max may swallow a NaN, and compilers may assume there is none.
fn notFinite4(x: vec4f) -> bool {
  return any((bitcast<vec4u>(x) & vec4u(0x7f800000u)) == vec4u(0x7f800000u));
}

// e^u - 1 - u for u up to LIMIT, to a few roundings also near 0.
fn excess4(u: vec4f) -> vec4f {
  let v = min(u, vec4f(LIMIT));
  let series = 1.0 / 2.0 + v * (1.0 / 6.0 + v * (1.0 / 24.0 + v * (1.0 / 120.0 + v * (1.0 / 720.0 + v * (1.0 / 5040.0 + v * (1.0 / 40320.0 + v / 362880.0))))));
  return select(exp(v) - 1.0 - v, v * v * series, abs(v) < vec4f(0.5));
}

fn start(row: u32) -> Row {
  if (params.isFirst == 0u) {
    return state[row];
  }
  let at = row * params.cols;
  return Row(LOWEST, 0.0, LOWEST, 0.0, pruned[at] - dense[at], 0.0, 0.0, 0.0, 0.0, 0u, 0u, 0u);
}

// Joins columns whose difference b - a has the mean base + mean + shift and around it `excess`.
fn join(old: Row, maxA: f32, sumA: f32, shift: f32, excess: f32, maxB: f32, sumB: f32) -> Row {
  var r = old;
  r.maxA = max(old.maxA, maxA);
  r.maxB = max(old.maxB, maxB);
  let e = exp(vec4f(old.maxA - r.maxA, maxA - r.maxA, old.maxB - r.maxB, maxB - r.maxB)) * vec4f(old.sumA, sumA, old.sumB, sumB);
  r.sumA = e.x + e.y;
  r.sumB = e.z + e.w;
  let share = e.xy / r.sumA;
  let d = vec2f(-share.y, share.x) * shift;
  let grown = exp(min(d, vec2f(LIMIT))) * vec2f(old.excess, excess) + excess4(d.xyxy).xy;
  let total = dot(share, grown);
  r.excess = min(total, MOST);
  r.mean = old.mean - d.x;
  if (total > MOST || max(d.x, d.y) > LIMIT) {
    r.flags |= FAR;
  }
  return r;
}

// log(1 + x) for x >= 0, relative to a few roundings also near 0.
fn log1p(x: f32) -> f32 {
  if (x > 1.0) {
    return log(1.0 + x);
  }
  let z = x / (2.0 + x);
  let y = z * z;
  return 2.0 * z * (1.0 + y * (1.0 / 3.0 + y * (1.0 / 5.0 + y * (1.0 / 7.0 + y * (1.0 / 9.0 + y * (1.0 / 11.0 + y * (1.0 / 13.0 + y / 15.0)))))));
}

// Keeps the row's state; with the last piece writes its figures.
fn finish(row: u32, now: Row) {
  var r = now;
  let wanted = targets[params.rowBegin + row];
  if (wanted >= params.colBegin && wanted < params.colBegin + params.cols) {
    let at = row * params.cols + wanted - params.colBegin;
    r.targetA = dense[at];
    r.targetB = pruned[at];
  }
  state[row] = r;
  if (params.isLast == 0u) {
    return;
  }
  let logA = log(r.sumA) + r.maxA;
  let logB = log(r.sumB) + r.maxB;
  let kl = select(log1p(r.excess), max(0.0, logB - logA - (r.base + r.mean)), (r.flags & FAR) != 0u);
  let bad = (r.flags & (BAD_A | BAD_B)) != 0u;
  let figures = vec4f(
    select(kl, params.invalid, bad),
    select(0.0, 1.0, !bad && r.argA == r.argB),
    select(logB - r.targetB, params.invalid, (r.flags & BAD_B) != 0u),
    select(logA - r.targetA, params.invalid, (r.flags & BAD_A) != 0u),
  );
  out[params.rowBegin + row] = select(figures, vec4f(0.0), wanted == UNSCORED);
}
