// Partial sums of squares of the distances between a block's outputs. Each invocation sums up to 256 elements of the
// flat [rows * cols] streams into its own row of `out`; the few thousand partials are added elsewhere in f64.
struct Params {
  // Elements in all, and the first of this dispatch in groups of four.
  total: u32,
  begin: u32,
  // First row of `out`.
  outRow: u32,
  // Invocations with something to do.
  lanes: u32,
}
// 0: a and c only. 1: a, b, c. 2: a, b, c, d.
override STREAMS: u32 = 2u;

@group(0) @binding(0) var<uniform> params: Params;
// a = pruned block on the pruned stream, b = dense block on the pruned stream,
// c = dense block on the dense stream, d = pruned block on the dense stream
@group(0) @binding(1) var<storage, read> a: array<vec4f>;
@group(0) @binding(2) var<storage, read> b: array<vec4f>;
@group(0) @binding(3) var<storage, read> c: array<vec4f>;
@group(0) @binding(4) var<storage, read> d: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> out: array<f32>;

const VECTORS_PER_LANE = 64u;

fn total4(v: vec4f) -> f32 {
  return (v.x + v.y) + (v.z + v.w);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let linear = linearWorkgroup(group, groups);
  let item = linear * 64u + lane;
  if (item >= params.lanes) {
    return;
  }
  let base = params.begin + linear * 64u * VECTORS_PER_LANE + lane;
  var local = vec4f();
  var inPlace = vec4f();
  var inherited = vec4f();
  var cumulative = vec4f();
  var cross = vec4f();
  var dense = vec4f();
  for (var k = 0u; k < VECTORS_PER_LANE; k++) {
    let i = base + k * 64u;
    if (i * 4u >= params.total) {
      break;
    }
    // Buffers may be longer than the stream, with anything behind it.
    let inside = vec4u(i * 4u) + vec4u(0u, 1u, 2u, 3u) < vec4u(params.total);
    let vc = select(vec4f(), c[i], inside);
    let va = select(vec4f(), a[i], inside);
    let ac = va - vc;
    cumulative += ac * ac;
    dense += vc * vc;
    if (STREAMS >= 1u) {
      let vb = select(vec4f(), b[i], inside);
      let ab = va - vb;
      let bc = vb - vc;
      inPlace += ab * ab;
      inherited += bc * bc;
      cross += ab * bc;
    }
    if (STREAMS >= 2u) {
      let dc = select(vec4f(), d[i], inside) - vc;
      local += dc * dc;
    }
  }
  let at = (params.outRow + item) * 6u;
  out[at] = total4(local);
  out[at + 1u] = total4(inPlace);
  out[at + 2u] = total4(inherited);
  out[at + 3u] = total4(cumulative);
  out[at + 4u] = total4(cross);
  out[at + 5u] = total4(dense);
}
