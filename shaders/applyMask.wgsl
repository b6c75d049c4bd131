// Copy of a weight with pruned elements set to +0; kept ones keep their bits. Four words per invocation.
struct Params {
  rows: u32,
  cols: u32,
  // Groups of four words of this shard to do.
  begin: u32,
  end: u32,
  shardRow: u32,
  wordsPerRow: u32,
}
// 0: f32, 1: f16, 2: bf16
override WEIGHT_TYPE: u32 = 0u;
// 1: rows are whole mask words, so element i of the matrix is bit i of the mask.
override DENSE_BITS: u32 = 0u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weights: array<vec4u>;
@group(0) @binding(2) var<storage, read> mask: array<u32>;
@group(0) @binding(3) var<storage, read_write> out: array<vec4u>;

// Element at hand, for rows that end inside a mask word.
var<private> row: u32;
var<private> col: u32;

// All ones where the element is kept or lies in the padding after the last one; steps to the next element.
fn keepNext() -> u32 {
  var kept = 1u;
  if (row < params.rows) {
    kept = (mask[(params.shardRow + row) * params.wordsPerRow + (col >> 5u)] >> (col & 31u)) & 1u;
  }
  col++;
  if (col == params.cols) {
    col = 0u;
    row++;
  }
  return 0u - kept;
}

fn keepWord() -> u32 {
  let low = keepNext();
  if (WEIGHT_TYPE == 0u) {
    return low;
  }
  return (low & 0xffffu) | (keepNext() << 16u);
}

fn halves(bits: u32) -> u32 {
  return ((0u - (bits & 1u)) & 0xffffu) | ((0u - ((bits >> 1u) & 1u)) << 16u);
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
  let perWord = select(2u, 1u, WEIGHT_TYPE == 0u);
  let first = i * 4u * perWord;
  var keep: vec4u;
  if (DENSE_BITS == 1u) {
    let bits = mask[params.shardRow * params.wordsPerRow + (first >> 5u)] >> (first & 31u);
    if (WEIGHT_TYPE == 0u) {
      keep = vec4u(0u) - ((vec4u(bits) >> vec4u(0u, 1u, 2u, 3u)) & vec4u(1u));
    } else {
      keep = vec4u(halves(bits), halves(bits >> 2u), halves(bits >> 4u), halves(bits >> 6u));
    }
  } else {
    row = first / params.cols;
    col = first % params.cols;
    keep.x = keepWord();
    keep.y = keepWord();
    keep.z = keepWord();
    keep.w = keepWord();
  }
  out[i] = weights[i] & keep;
}
