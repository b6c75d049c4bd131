/**
 * Smallest relative gap (kept - pruned) / kept between the last pruned and the first kept score, in each row or in the
 * matrix as one; null where nothing is both pruned and kept. `margins` as rowMargin writes them.
 */
export function relativeMargin(margins: Float32Array, unit: 'row' | 'matrix'): number | null {
  if (unit === 'matrix') {
    let pruned = -1;
    let kept = -1;
    for (let at = 0; at < margins.length; at += 2) {
      const low = margins[at + 1] as number;
      pruned = Math.max(pruned, margins[at] as number);
      if (low >= 0 && (kept < 0 || low < kept)) kept = low;
    }
    return gap(pruned, kept);
  }
  let smallest: number | null = null;
  for (let at = 0; at < margins.length; at += 2) {
    const here = gap(margins[at] as number, margins[at + 1] as number);
    if (here !== null && (smallest === null || here < smallest)) smallest = here;
  }
  return smallest;
}

function gap(pruned: number, kept: number): number | null {
  if (pruned < 0 || kept < 0) return null;
  // Equal scores are a tie, also where both are 0 or infinite.
  if (kept === pruned) return 0;
  return kept === Infinity ? 1 : (kept - pruned) / kept;
}
