import { DTYPE_BYTES } from '../core/dtypes';
import type { FloatDtype } from '../core/dtypes';
import type { Groups } from '../core/sparseSizes';
import type { PackedFormat, PackedRows } from './packed';

/** Bits of every weight as the packed arrays say it, 0 where they name none. Straight from the definition of the format. */
export function unpackRef(
  { values, index, offsets }: PackedRows,
  shape: { rows: number; cols: number; dtype: FloatDtype },
  format: PackedFormat,
  groups: Groups | null,
): number[] {
  const { rows, cols, dtype } = shape;
  const stored = DTYPE_BYTES[dtype] === 2 ? new Uint16Array(values.buffer) : new Uint32Array(values.buffer);
  const out = new Array<number>(rows * cols).fill(0);
  const columns = new Uint16Array(index.buffer);
  let next = 0;
  for (let row = 0; row < rows; row++) {
    if (format === 'csr') {
      for (let i = offsets[row] ?? 0; i < (offsets[row + 1] ?? 0); i++)
        out[row * cols + (columns[i] ?? 0)] = stored[i] ?? NaN;
      continue;
    }
    if (format === 'bitmask') next = offsets[row] ?? NaN;
    else if (groups) next = (row * cols * groups.keep) / groups.group;
    for (let c = 0; c < cols; c++)
      if (((index[row * Math.ceil(cols / 32) + (c >> 5)] ?? 0) >>> (c & 31)) & 1)
        out[row * cols + c] = stored[next++] ?? NaN;
  }
  return out;
}
