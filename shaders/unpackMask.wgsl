// A packed weight written out with its zeros: 32 columns of a row per invocation, kept values with their exact bits.
struct Params {
  k: u32,
  wordsPerRow: u32,
  perRow: u32,
  perWord: u32,
  // Mask words of this shard to do.
  begin: u32,
  end: u32,
}
// 1: 16-bit values, two to a word; needs k % 2 == 0.
override HALVES: u32 = 0u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> values: array<u32>;
@group(0) @binding(2) var<storage, read> index: array<u32>;
@group(0) @binding(3) var<storage, read> offsets: array<u32>;
@group(0) @binding(4) var<storage, read_write> out: array<u32>;

fn next(at: ptr<function, u32>, bit: u32) -> u32 {
  if (bit == 0u) {
    return 0u;
  }
  let i = *at;
  *at += 1u;
  if (HALVES == 0u) {
    return values[i];
  }
  return (values[i >> 1u] >> ((i & 1u) * 16u)) & 0xffffu;
}

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
  let row = i / params.wordsPerRow;
  let word = i % params.wordsPerRow;
  var at = row * params.perRow + word * params.perWord;
  if (params.perRow == 0u) {
    at = offsets[row];
    for (var before = i - word; before < i; before += 1u) {
      at += countOneBits(index[before]);
    }
  }
  let bits = index[i];
  let columns = min(32u, params.k - word * 32u);
  let element = row * params.k + word * 32u;
  if (HALVES == 0u) {
    for (var c = 0u; c < columns; c += 1u) {
      out[element + c] = next(&at, (bits >> c) & 1u);
    }
  } else {
    for (var c = 0u; c < columns; c += 2u) {
      let low = next(&at, (bits >> c) & 1u);
      out[(element + c) / 2u] = low | (next(&at, (bits >> (c + 1u)) & 1u) << 16u);
    }
  }
}
