// One workgroup per row, three passes over the piece: for hardware.
var<workgroup> partial: array<vec4f, 64>;
var<workgroup> argsA: array<u32, 64>;
var<workgroup> argsB: array<u32, 64>;
var<workgroup> flags: atomic<u32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = params.first + linearWorkgroup(group, groups);
  // The same for the whole workgroup, so returning before the barriers is allowed.
  if (row >= params.end) {
    return;
  }
  var r = start(row);
  let begin = row * params.cols;

  // Largest logits, and the lowest id that has them.
  var top = vec4f(LOWEST);
  var argA = 0u;
  var argB = 0u;
  var mine = 0u;
  for (var c = lane; c < params.cols; c += 64u) {
    let a = dense[begin + c];
    let b = pruned[begin + c];
    if (notFinite4(vec4f(a))) {
      mine |= BAD_A;
    }
    if (notFinite4(vec4f(b))) {
      mine |= BAD_B;
    }
    if (a > top.x) {
      top.x = a;
      argA = c;
    }
    if (b > top.y) {
      top.y = b;
      argB = c;
    }
  }
  partial[lane] = top;
  argsA[lane] = argA;
  argsB[lane] = argB;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half >>= 1u) {
    if (lane < half) {
      let x = partial[lane];
      let y = partial[lane + half];
      if (y.x > x.x || (y.x == x.x && argsA[lane + half] < argsA[lane])) {
        argsA[lane] = argsA[lane + half];
      }
      if (y.y > x.y || (y.y == x.y && argsB[lane + half] < argsB[lane])) {
        argsB[lane] = argsB[lane + half];
      }
      partial[lane] = max(x, y);
    }
    workgroupBarrier();
  }
  top = partial[0];
  workgroupBarrier();

  // Sums of exponentials, and the mean of the difference.
  var sums = vec4f(0.0);
  for (var c = lane; c < params.cols; c += 64u) {
    let a = dense[begin + c];
    let b = pruned[begin + c];
    let w = exp(a - top.x);
    sums += vec4f(w, exp(b - top.y), w * ((b - a) - r.base - r.mean), 0.0);
  }
  partial[lane] = sums;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half >>= 1u) {
    if (lane < half) {
      partial[lane] += partial[lane + half];
    }
    workgroupBarrier();
  }
  sums = partial[0];
  workgroupBarrier();
  let shift = sums.z / sums.x;

  var excess = 0.0;
  for (var c = lane; c < params.cols; c += 64u) {
    let a = dense[begin + c];
    let u = (pruned[begin + c] - a) - r.base - r.mean - shift;
    if (u > LIMIT) {
      mine |= FAR;
    }
    excess += exp(a - top.x) * excess4(vec4f(u)).x;
  }
  if (mine != 0u) {
    atomicOr(&flags, mine);
  }
  partial[lane].x = excess;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half >>= 1u) {
    if (lane < half) {
      partial[lane].x += partial[lane + half].x;
    }
    workgroupBarrier();
  }
  if (lane == 0u) {
    if (top.x > r.maxA) {
      r.argA = params.colBegin + argsA[0];
    }
    if (top.y > r.maxB) {
      r.argB = params.colBegin + argsB[0];
    }
    r.flags |= atomicLoad(&flags);
    finish(row, join(r, top.x, sums.x, shift, partial[0].x / sums.x, top.y, sums.y));
  }
}
