import { defineKernel } from '../gpu/kernel';
import type { Recorder } from '../gpu/recorder';
import type { LabBuffer } from '../gpu/scope';
import code from '../../shaders/columnMoments.wgsl?raw';
import { checkAct, checkBytes, require } from './check';
import { equalParts } from './split';
import { momentChunks } from './statisticShapes';
import type { Act } from './types';

export const columnMomentsKernel = defineKernel('columnMoments', code);

export interface ColumnMomentsOptions {
  /** Rows of one sequence; x holds whole sequences of it. */
  length: number;
  /** Rows of one partial sum, >= 1; the last chunk of a sequence may be shorter. */
  rowsPerChunk: number;
  /** Place in `out` of the first chunk; 0 when left out. */
  chunkBegin?: number;
}

/**
 * First and second moments of the columns of x [sequences * length, C] over chunks of rows of one sequence:
 * out[chunkBegin + k, 0, c] = sum of x[r, c] and out[chunkBegin + k, 1, c] = sum of (x[r, c] - chunk mean)^2 over the
 * rows r of chunk k. `out` is f32 [at least chunkBegin + chunks, 2, C]; the CPU joins the chunks (`joinMoments`).
 */
export async function columnMoments(
  rec: Recorder,
  x: Act,
  out: LabBuffer,
  options: ColumnMomentsOptions,
): Promise<void> {
  const { length, rowsPerChunk, chunkBegin = 0 } = options;
  require(Number.isInteger(rowsPerChunk) &&
    rowsPerChunk >= 1, 'columnMoments', `${rowsPerChunk} rows to a chunk`);
  require(Number.isInteger(length) &&
    length >= 1 &&
    x.rows % length === 0, 'columnMoments', `x has ${x.rows} rows, no whole sequences of ${length}`);
  checkAct('columnMoments', 'x', x);
  const chunksPerSequence = momentChunks(length, rowsPerChunk);
  const chunks = (x.rows / length) * chunksPerSequence;
  checkBytes('columnMoments', 'out', out, (chunkBegin + chunks) * 2 * x.cols * 4);
  const chunkCost = Math.min(rowsPerChunk, length) * x.cols * 16;
  const most = Math.min(rec.ctx.device.limits.maxComputeWorkgroupsPerDimension, rec.maxCost / chunkCost);
  const step = equalParts(chunks, 1, most);
  for (let begin = 0; begin < chunks; begin += step) {
    const count = Math.min(step, chunks - begin);
    await rec.run({
      kernel: columnMomentsKernel,
      bind: { x: x.buffer, out },
      params: {
        cols: x.cols,
        length,
        rowsPerChunk,
        chunksPerSequence,
        chunkBegin: begin,
        outChunk: chunkBegin,
      },
      grid: [Math.ceil(x.cols / 64), count],
      cost: count * chunkCost,
      flops: (5 * x.rows * x.cols * count) / chunks,
      bytes: (4 * x.cols * count * (x.rows + 2 * chunks)) / chunks,
    });
  }
}

export interface ColumnMoments {
  /** (1 / sequences) * sum over all tokens, [C]. */
  mean: Float64Array<ArrayBuffer>;
  /** Mean over all tokens of the biased variance inside the token's sequence, [C]. */
  variance: Float64Array<ArrayBuffer>;
}

/**
 * Joins the partials [chunks, 2, C] of sequences of these lengths in f64, chunk after chunk (Chan, Golub and LeVeque:
 * Updating formulae and a pairwise algorithm for computing sample variances). What differs between the means of
 * sequences is no part of the variance.
 */
export function joinMoments(
  partials: Float32Array,
  cols: number,
  lengths: readonly number[],
  rowsPerChunk: number,
): ColumnMoments {
  const mean = new Float64Array(cols);
  const variance = new Float64Array(cols);
  const tokens = lengths.reduce((a, b) => a + b, 0);
  for (let c = 0; c < cols; c++) {
    let sum = 0;
    let squares = 0;
    let at = c;
    for (const length of lengths) {
      let ofSequence = 0;
      for (let row = 0; row < length; row += rowsPerChunk) {
        const count = Math.min(rowsPerChunk, length - row);
        const ofChunk = partials[at] as number;
        if (row > 0) {
          const apart = ofChunk / count - ofSequence / row;
          squares += (apart * apart * row * count) / (row + count);
        }
        squares += partials[at + cols] as number;
        ofSequence += ofChunk;
        at += 2 * cols;
      }
      sum += ofSequence;
    }
    mean[c] = sum / lengths.length;
    variance[c] = squares / tokens;
  }
  return { mean, variance };
}
