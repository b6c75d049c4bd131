/** The yardstick of row selection: a radix select as one writes it down, on scores of one row after the other. */
import type { FloatDtype } from '../core/dtypes';
import { toF32 } from '../core/dtypes';

/** Digits of 11, 10 and 10 bits of a positive float. */
const DIGITS = [
  { shift: 20, bins: 2048 },
  { shift: 10, bins: 1024 },
  { shift: 0, bins: 1024 },
];

/** Mask words, 1 = kept: in each row the counts[r] lowest |w| * norm go, the lowest columns first among equals. */
export function plainSelectRows(
  bytes: Uint8Array,
  dtype: FloatDtype,
  rows: number,
  cols: number,
  norms: Float32Array,
  counts: Uint32Array,
): Uint32Array<ArrayBuffer> {
  const weights = toF32(bytes, dtype);
  const scores = new Float32Array(cols);
  const keys = new Uint32Array(scores.buffer);
  const bins = new Uint32Array(2048);
  const words = Math.ceil(cols / 32);
  const mask = new Uint32Array(rows * words);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < cols; c++)
      scores[c] = Math.abs(weights[r * cols + c] as number) * (norms[c] as number);
    let need = counts[r] as number;
    let prefix = 0;
    let above = 31;
    for (const { shift, bins: count } of DIGITS) {
      bins.fill(0, 0, count);
      for (let c = 0; c < cols; c++) {
        const key = keys[c] as number;
        if (above < 31 && key >>> above !== prefix) continue;
        const digit = (key >>> shift) & (count - 1);
        bins[digit] = (bins[digit] as number) + 1;
      }
      let digit = 0;
      while (digit < count - 1 && (bins[digit] as number) <= need) {
        need -= bins[digit] as number;
        digit++;
      }
      prefix = prefix * count + digit;
      above = shift;
    }
    for (let c = 0; c < cols; c++) {
      const key = keys[c] as number;
      const pruned = key < prefix || (key === prefix && need-- > 0);
      if (!pruned) mask[r * words + (c >> 5)] = (mask[r * words + (c >> 5)] as number) | (1 << (c & 31));
    }
  }
  return mask;
}
