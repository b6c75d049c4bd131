// One invocation per row, one pass over memory: for software adapters.
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
  let begin = row * params.cols;
  let whole = params.cols & ~15u;
  var highest = LOWEST;
  // A sum of sums of 16: rounding grows with cols / 16.
  var sum = 0.0;
  var bad = false;
  for (var c = 0u; c < whole; c += 16u) {
    let i = begin + c;
    let a = vec4f(logits[i], logits[i + 1u], logits[i + 2u], logits[i + 3u]);
    let b = vec4f(logits[i + 4u], logits[i + 5u], logits[i + 6u], logits[i + 7u]);
    let d = vec4f(logits[i + 8u], logits[i + 9u], logits[i + 10u], logits[i + 11u]);
    let e = vec4f(logits[i + 12u], logits[i + 13u], logits[i + 14u], logits[i + 15u]);
    let top = max(max(a, b), max(d, e));
    let next = max(highest, max(max(top.x, top.y), max(top.z, top.w)));
    // Any infinity or NaN among the 16 makes an exponent of all ones.
    let bits = max(
      max(bitcast<vec4u>(a) & vec4u(0x7f800000u), bitcast<vec4u>(b) & vec4u(0x7f800000u)),
      max(bitcast<vec4u>(d) & vec4u(0x7f800000u), bitcast<vec4u>(e) & vec4u(0x7f800000u)),
    );
    bad = bad || any(bits == vec4u(0x7f800000u));
    let n = vec4f(next);
    let s = (exp(a - n) + exp(b - n)) + (exp(d - n) + exp(e - n));
    sum = sum * exp(highest - next) + ((s.x + s.y) + (s.z + s.w));
    highest = next;
  }
  for (var c = whole; c < params.cols; c += 1u) {
    let x = logits[begin + c];
    let next = max(highest, x);
    sum = sum * exp(highest - next) + exp(x - next);
    highest = next;
    bad = bad || notFinite(x);
  }
  join(row, vec4f(highest, sum, 0.0, select(0.0, 1.0, bad)));
}
