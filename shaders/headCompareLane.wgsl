// One invocation per row, one pass over memory, 16 columns at a time: for software adapters.
fn dense4(i: u32) -> vec4f {
  return vec4f(dense[i], dense[i + 1u], dense[i + 2u], dense[i + 3u]);
}

fn pruned4(i: u32) -> vec4f {
  return vec4f(pruned[i], pruned[i + 1u], pruned[i + 2u], pruned[i + 3u]);
}

fn highest4(x: vec4f) -> f32 {
  return max(max(x.x, x.y), max(x.z, x.w));
}

@compute @workgroup_size(4)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = params.first + linearWorkgroup(group, groups) * 4u + lane;
  if (row >= params.end) {
    return;
  }
  var r = start(row);
  let begin = row * params.cols;
  let whole = params.cols & ~15u;
  for (var c = 0u; c < whole; c += 16u) {
    let i = begin + c;
    let a0 = dense4(i);
    let a1 = dense4(i + 4u);
    let a2 = dense4(i + 8u);
    let a3 = dense4(i + 12u);
    let b0 = pruned4(i);
    let b1 = pruned4(i + 4u);
    let b2 = pruned4(i + 8u);
    let b3 = pruned4(i + 12u);
    if (notFinite4(a0) || notFinite4(a1) || notFinite4(a2) || notFinite4(a3)) {
      r.flags |= BAD_A;
    }
    if (notFinite4(b0) || notFinite4(b1) || notFinite4(b2) || notFinite4(b3)) {
      r.flags |= BAD_B;
    }
    let maxA = highest4(max(max(a0, a1), max(a2, a3)));
    let maxB = highest4(max(max(b0, b1), max(b2, b3)));
    // Rare, and the first among equals: the search runs backwards.
    if (maxA > r.maxA) {
      for (var j = 16u; j > 0u; j -= 1u) {
        if (dense[i + j - 1u] == maxA) {
          r.argA = params.colBegin + c + j - 1u;
        }
      }
    }
    if (maxB > r.maxB) {
      for (var j = 16u; j > 0u; j -= 1u) {
        if (pruned[i + j - 1u] == maxB) {
          r.argB = params.colBegin + c + j - 1u;
        }
      }
    }
    let w0 = exp(a0 - maxA);
    let w1 = exp(a1 - maxA);
    let w2 = exp(a2 - maxA);
    let w3 = exp(a3 - maxA);
    let ones = vec4f(1.0);
    let sumA = dot((w0 + w1) + (w2 + w3), ones);
    let sumB = dot((exp(b0 - maxB) + exp(b1 - maxB)) + (exp(b2 - maxB) + exp(b3 - maxB)), ones);
    let offset = r.base;
    let d0 = (b0 - a0) - offset - r.mean;
    let d1 = (b1 - a1) - offset - r.mean;
    let d2 = (b2 - a2) - offset - r.mean;
    let d3 = (b3 - a3) - offset - r.mean;
    let shift = dot((w0 * d0 + w1 * d1) + (w2 * d2 + w3 * d3), ones) / sumA;
    let u0 = d0 - shift;
    let u1 = d1 - shift;
    let u2 = d2 - shift;
    let u3 = d3 - shift;
    let excess = dot((w0 * excess4(u0) + w1 * excess4(u1)) + (w2 * excess4(u2) + w3 * excess4(u3)), ones) / sumA;
    if (highest4(max(max(u0, u1), max(u2, u3))) > LIMIT) {
      r.flags |= FAR;
    }
    r = join(r, maxA, sumA, shift, excess, maxB, sumB);
  }
  for (var c = whole; c < params.cols; c += 1u) {
    let a = dense[begin + c];
    let b = pruned[begin + c];
    if (notFinite4(vec4f(a))) {
      r.flags |= BAD_A;
    }
    if (notFinite4(vec4f(b))) {
      r.flags |= BAD_B;
    }
    if (a > r.maxA) {
      r.argA = params.colBegin + c;
    }
    if (b > r.maxB) {
      r.argB = params.colBegin + c;
    }
    r = join(r, a, 1.0, (b - a) - r.base - r.mean, 0.0, b, 1.0);
  }
  finish(row, r);
}
