// One output per workgroup, its lanes side by side along k as in matvecTree: for hardware. Needs k % 4 == 0. Where
// groups do not fix the place of a value, the bits before each mask word are counted by a scan over 64 words at a time.
@group(0) @binding(1) var<storage, read> x: array<vec4f>;

var<workgroup> words: array<u32, 64>;
var<workgroup> starts: array<u32, 64>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = params.rowBegin + linearWorkgroup(group, groups);
  // The same for the whole workgroup, so returning before the barriers is allowed.
  if (row >= params.rowEnd) {
    return;
  }
  let k4 = params.k / 4u;
  let first = row * params.wordsPerRow;
  var base = rowStart(row);
  var sum = 0.0;
  for (var chunk = 0u; chunk < params.wordsPerRow; chunk += 64u) {
    var word = 0u;
    if (chunk + lane < params.wordsPerRow) {
      word = index[first + chunk + lane];
    }
    words[lane] = word;
    if (params.perWord != 0u) {
      starts[lane] = lane * params.perWord;
      workgroupBarrier();
    } else {
      let own = countOneBits(word);
      var before = own;
      starts[lane] = own;
      workgroupBarrier();
      for (var step = 1u; step < 64u; step <<= 1u) {
        if (lane >= step) {
          before += starts[lane - step];
        }
        workgroupBarrier();
        starts[lane] = before;
        workgroupBarrier();
      }
      starts[lane] = before - own;
      workgroupBarrier();
    }
    let end = min(k4, (chunk + 64u) * 8u);
    for (var k = chunk * 8u + lane; k < end; k += 64u) {
      let local = k / 8u - chunk;
      let shift = k % 8u * 4u;
      let bits = words[local];
      var at = base + starts[local] + countOneBits(bits & ((1u << shift) - 1u));
      let four = bits >> shift;
      var w = vec4f(0.0);
      if ((four & 1u) != 0u) {
        w.x = valueAt(at);
        at += 1u;
      }
      if ((four & 2u) != 0u) {
        w.y = valueAt(at);
        at += 1u;
      }
      if ((four & 4u) != 0u) {
        w.z = valueAt(at);
        at += 1u;
      }
      if ((four & 8u) != 0u) {
        w.w = valueAt(at);
      }
      sum += dot(x[k], w);
    }
    base += starts[63] + countOneBits(words[63]);
    workgroupBarrier();
  }
  let total = treeSum(lane, sum);
  if (lane == 0u) {
    put(0u, row, total);
  }
}
