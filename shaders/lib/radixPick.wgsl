// Finds, with a workgroup of 256, the bin of a 256-bin histogram in which the need-th smallest item lies (1-based).
struct Pick {
  bin: u32,
  // Rank inside the bin, and how many items the bin holds.
  need: u32,
  count: u32,
}
var<workgroup> binSums: array<u32, 256>;
var<workgroup> binPick: Pick;

// `count` is the content of bin `lane`; 1 <= need <= total. Call in uniform control flow.
fn pickBin(lane: u32, count: u32, need: u32) -> Pick {
  binSums[lane] = count;
  workgroupBarrier();
  for (var step = 1u; step < 256u; step <<= 1u) {
    var left = 0u;
    if (lane >= step) {
      left = binSums[lane - step];
    }
    workgroupBarrier();
    binSums[lane] += left;
    workgroupBarrier();
  }
  let upTo = binSums[lane];
  if (upTo - count < need && need <= upTo) {
    binPick = Pick(lane, need - (upTo - count), count);
  }
  return workgroupUniformLoad(&binPick);
}
