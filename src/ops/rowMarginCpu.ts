import type { FloatDtype } from '../core/dtypes';
import { KEY_INF, keyReader } from './scoreKeys';

const asKey = new Int32Array(1);
const asScore = new Float32Array(asKey.buffer);

/** CPU twin of rowMargin: (largest pruned, smallest kept) score of each row, f32 [rows, 2]; -1 for an empty side. */
export function rowMarginCpu(
  bytes: Uint8Array,
  dtype: FloatDtype,
  rows: number,
  cols: number,
  norms: Float32Array | null,
  mask: Uint32Array,
): Float32Array {
  const reader = keyReader(bytes, dtype, rows, cols, norms);
  const { keys } = reader;
  const wordsPerRow = Math.ceil(cols / 32);
  const out = new Float32Array(rows * 2).fill(-1);
  const score = (key: number): number => {
    asKey[0] = key;
    return asScore[0] as number;
  };
  for (let r = 0; r < rows; r++) {
    reader.read(r);
    let pruned = -1;
    let kept = KEY_INF + 1;
    for (let c = 0; c < cols; c++) {
      const key = keys[c] as number;
      if (key > KEY_INF) continue;
      if (((mask[r * wordsPerRow + (c >>> 5)] as number) >>> (c & 31)) & 1) {
        if (key < kept) kept = key;
      } else if (key > pruned) pruned = key;
    }
    if (pruned >= 0) out[r * 2] = score(pruned);
    if (kept <= KEY_INF) out[r * 2 + 1] = score(kept);
  }
  return out;
}
