import type { ColumnMoments } from './columnMoments';
import { momentChunks } from './statisticShapes';

/** Reference: what one chunk gives for one column, in f64, and what bounds the rounding of it. */
export interface MomentPoint {
  sum: number;
  squares: number;
  rows: number;
  /** Mean |x|, and the sum of |x - mean|. */
  size: number;
  spread: number;
}

/** Points of x [sequences * length, cols], in the order of the partials without their middle axis: [chunks, cols]. */
export function columnMomentsRef(
  x: Float32Array,
  cols: number,
  length: number,
  rowsPerChunk: number,
): MomentPoint[] {
  const out: MomentPoint[] = [];
  const sequences = x.length / cols / length;
  for (let chunk = 0; chunk < sequences * momentChunks(length, rowsPerChunk); chunk++) {
    const part = chunk % momentChunks(length, rowsPerChunk);
    const begin = Math.floor(chunk / momentChunks(length, rowsPerChunk)) * length + part * rowsPerChunk;
    const rows = Math.min(rowsPerChunk, length - part * rowsPerChunk);
    for (let c = 0; c < cols; c++) {
      const values = Array.from({ length: rows }, (_, r) => Number(x[(begin + r) * cols + c]));
      const total = (list: number[]): number => list.reduce((a, b) => a + b, 0);
      const mean = total(values) / rows;
      out.push({
        sum: total(values),
        squares: total(values.map((v) => (v - mean) ** 2)),
        rows,
        size: total(values.map(Math.abs)) / rows,
        spread: total(values.map((v) => Math.abs(v - mean))),
      });
    }
  }
  return out;
}

/** Reference of the whole: definitions applied to sequences of these lengths, in f64. */
export function momentsRef(x: Float32Array, cols: number, lengths: readonly number[]): ColumnMoments {
  const mean = new Float64Array(cols);
  const variance = new Float64Array(cols);
  const tokens = x.length / cols;
  for (let c = 0; c < cols; c++) {
    let row = 0;
    for (const length of lengths) {
      const values = Array.from({ length }, (_, r) => Number(x[(row + r) * cols + c]));
      const sum = values.reduce((a, b) => a + b, 0);
      const biased = values.reduce((a, v) => a + (v - sum / length) ** 2, 0) / length;
      mean[c] = Number(mean[c]) + sum / lengths.length;
      variance[c] = Number(variance[c]) + (biased * length) / tokens;
      row += length;
    }
  }
  return { mean, variance };
}
