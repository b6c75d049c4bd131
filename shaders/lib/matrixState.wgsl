// What a select over a whole matrix knows so far; it stays on the GPU.
struct State {
  // Digits of the threshold key that are known, and of the flat index where the ties end.
  prefix: u32,
  indexPrefix: u32,
  // Rank of the threshold among the items that match the digits so far, 1-based.
  need: u32,
  done: u32,
  // The result: pruned are keys below `limit`, and keys equal to it at flat indices below `tieEnd`.
  limit: u32,
  tieEnd: u32,
  unused0: u32,
  unused1: u32,
  bins: array<atomic<u32>, 256>,
}

fn indexShift(level: u32) -> u32 {
  return 56u - 8u * level;
}

// Digits of a flat index above that of this level (4-7).
fn indexAbove(level: u32, index: u32) -> u32 {
  return select(index >> ((indexShift(level) + 8u) & 31u), 0u, level == 4u);
}
