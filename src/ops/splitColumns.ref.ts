import type { SplitColumnsOptions } from './splitColumns';

/** Reference: `cols` columns out of x [*, xCols], as blocks of every row in turn. */
export function splitColumnsRef(
  x: Float32Array,
  xCols: number,
  cols: number,
  { begin, block, stride }: SplitColumnsOptions,
): Float64Array {
  const rows = x.length / xCols;
  const out = new Float64Array(rows * cols);
  for (let row = 0; row < rows; row++) {
    const from = x.subarray(row * xCols, (row + 1) * xCols);
    for (let done = 0, at = begin; done < cols; done += block, at += stride) {
      out.set(from.subarray(at, at + Math.min(block, cols - done)), row * cols + done);
    }
  }
  return out;
}
