/** References for masked copies and counts of zeros, on bytes. */
import { DTYPE_BYTES, type FloatDtype } from '../core/dtypes';

function isKept(mask: Uint32Array, cols: number, index: number): boolean {
  const c = index % cols;
  const word = mask[Math.floor(index / cols) * Math.ceil(cols / 32) + (c >> 5)] ?? 0;
  return ((word >>> (c & 31)) & 1) === 1;
}

/** Bytes of the matrix with pruned elements all zero bits. */
export function applyMaskRef(
  bytes: Uint8Array,
  dtype: FloatDtype,
  rows: number,
  cols: number,
  mask: Uint32Array,
): Uint8Array {
  const out = bytes.slice();
  const size = DTYPE_BYTES[dtype];
  for (let i = 0; i < rows * cols; i++) if (!isKept(mask, cols, i)) out.fill(0, i * size, (i + 1) * size);
  return out;
}

/** Elements that are pruned, or whose bits are all zero but for the sign. */
export function countZerosRef(
  bytes: Uint8Array,
  dtype: FloatDtype,
  rows: number,
  cols: number,
  mask: Uint32Array | null,
): number {
  const size = DTYPE_BYTES[dtype];
  let zeros = 0;
  for (let i = 0; i < rows * cols; i++) {
    const element = bytes.subarray(i * size, (i + 1) * size);
    const magnitude = element.map((b, at) => (at === size - 1 ? b & 0x7f : b));
    if ((mask && !isKept(mask, cols, i)) || magnitude.every((b) => b === 0)) zeros++;
  }
  return zeros;
}
