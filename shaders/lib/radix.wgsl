// Digits of a 31-bit key for a radix select that goes from the largest digit down: 8 exponent bits, then 8, 8 and 7
// bits of the fraction. Weights share few exponents, so later digits spread over many bins.
const RADIX_LEVELS = 4u;

// Bits below the digit of this level.
fn digitShift(level: u32) -> u32 {
  return select(23u - 8u * level, 0u, level == 3u);
}

// Bits below everything that earlier levels have fixed.
fn prefixShift(level: u32) -> u32 {
  return 31u - 8u * level;
}

fn digitMask(level: u32) -> u32 {
  return select(0xffu, 0x7fu, level == 3u);
}

// Prefix of earlier levels with this level's digit behind it.
fn extendPrefix(level: u32, prefix: u32, digit: u32) -> u32 {
  return (prefix << select(8u, 7u, level == 3u)) | digit;
}
