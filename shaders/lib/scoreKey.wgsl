// Score of a weight, |w| * norm of its column, as an integer that sorts like the score. Used with the bindings
// `weights: array<u32>` (the file's words) and `norms: array<u32>` (f32 bits) of the kernel's own file, behind
// keyRange.wgsl.
//
// Decoding and every test for zero, Inf and NaN work on bits: devices differ in what they flush and in what they
// assume about NaN. Values below 2^-126 count as 0. NaN is the largest key, right above Inf.

// 0: f32, 1: f16, 2: bf16
override WEIGHT_TYPE: u32 = 0u;
// 0: the score is |w|
override HAS_NORMS: u32 = 1u;

const MIN_NORMAL = 0x00800000u;
// Exponent fields: 2^64 to scale by, and 2^-126 * 2^64.
const EXPONENT_64 = 0x20000000u;
const SCALED_MIN_NORMAL = 0x20800000u;

// |half| to the bits of the f32 with the same value; 2^-24 times an integer is never subnormal in f32.
fn widenHalf(half: u32) -> u32 {
  let subnormal = bitcast<u32>(f32(half) * 0x1p-24f);
  let finite = select((half << 13u) + 0x38000000u, subnormal, half < 0x0400u);
  return select(finite, (half << 13u) + 0x70000000u, half >= 0x7c00u);
}

// f32 bits of |element i|, unflushed.
fn magnitudeBits(i: u32) -> u32 {
  if (WEIGHT_TYPE == 0u) {
    return weights[i] & 0x7fffffffu;
  }
  let half = (weights[i >> 1u] >> ((i & 1u) * 16u)) & 0x7fffu;
  if (WEIGHT_TYPE == 2u) {
    return half << 16u;
  }
  return widenHalf(half);
}

// w * n for finite, non-zero, normal operands; 0 where the product rounded to 24 bits is below 2^-126.
fn productKey(w: u32, n: u32) -> u32 {
  let product = bitcast<u32>(bitcast<f32>(w) * bitcast<f32>(n));
  if (product > MIN_NORMAL) {
    return min(product, KEY_INF);
  }
  // Near the smallest normal number devices round or flush differently: repeat 64 binades higher.
  let scaled = bitcast<u32>((bitcast<f32>(w) * 0x1p64f) * bitcast<f32>(n));
  return select(0u, scaled - EXPONENT_64, scaled >= SCALED_MIN_NORMAL);
}

// Key of element i, which stands in column c.
fn scoreKey(i: u32, c: u32) -> u32 {
  let magnitude = magnitudeBits(i);
  let w = select(magnitude, 0u, magnitude < MIN_NORMAL);
  if (HAS_NORMS == 0u) {
    return min(w, KEY_NAN);
  }
  let norm = norms[c] & 0x7fffffffu;
  let n = select(norm, 0u, norm < MIN_NORMAL);
  let larger = max(w, n);
  let smaller = min(w, n);
  if (larger >= KEY_INF) {
    return select(KEY_INF, KEY_NAN, larger > KEY_INF || smaller == 0u);
  }
  if (smaller == 0u) {
    return 0u;
  }
  return productKey(w, n);
}
