/** Reference margins from scores [rows, cols] (scoresRef): largest pruned and smallest kept of each row, -1 for none. */
export function rowMarginRef(scores: Float64Array, cols: number, mask: Uint32Array): Float64Array {
  const rows = scores.length / cols;
  const out = new Float64Array(rows * 2).fill(-1);
  for (let i = 0; i < scores.length; i++) {
    const score = scores[i] ?? NaN;
    if (Number.isNaN(score)) continue;
    const r = Math.floor(i / cols);
    const c = i % cols;
    const kept = (((mask[r * Math.ceil(cols / 32) + (c >> 5)] ?? 0) >>> (c & 31)) & 1) === 1;
    const at = 2 * r + (kept ? 1 : 0);
    const old = out[at] ?? -1;
    if (old < 0 || (kept ? score < old : score > old)) out[at] = score;
  }
  return out;
}
