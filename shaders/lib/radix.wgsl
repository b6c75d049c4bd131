// Digits of a 31-bit key for a radix select that goes from the largest digit down: 8 exponent bits, then 8, 8 and 7
// bits of the fraction. Weights share few exponents, so later digits spread over many bins.
const RADIX_PASSES = 4u;

// Bits below the digit of this pass.
fn digitShift(pass: u32) -> u32 {
  return select(23u - 8u * pass, 0u, pass == 3u);
}

// Bits below everything that earlier passes have fixed.
fn prefixShift(pass: u32) -> u32 {
  return 31u - 8u * pass;
}

fn digitMask(pass: u32) -> u32 {
  return select(0xffu, 0x7fu, pass == 3u);
}

// Prefix of earlier passes with this pass's digit behind it.
fn extendPrefix(pass: u32, prefix: u32, digit: u32) -> u32 {
  return (prefix << select(8u, 7u, pass == 3u)) | digit;
}
