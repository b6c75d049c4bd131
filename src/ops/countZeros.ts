import { DTYPE_BYTES } from '../core/dtypes';
import { defineKernel } from '../gpu/kernel';
import type { Recorder } from '../gpu/recorder';
import type { LabBuffer } from '../gpu/scope';
import code from '../../shaders/countZeros.wgsl?raw';
import grid from '../../shaders/lib/grid.wgsl?raw';
import { checkBytes, checkMask, checkWeight } from './check';
import { gridFor, pieces, weightType } from './pruneKernels';
import type { MaskBuffer, Weight } from './types';

export const countZerosKernel = defineKernel('countZeros', grid, code);

/** Mask words to one invocation. */
const WORDS_PER_LANE = 8;
/** Invocations share a few counters, so that neither additions queue up nor the readback grows. */
const COUNTERS = 16;

/** Elements of `out` that one call writes. */
export function zeroPartials(w: Weight): number {
  return Math.min(COUNTERS, Math.ceil((w.rows * Math.ceil(w.cols / 32)) / (64 * WORDS_PER_LANE)));
}

/** Sum of partial counts. */
export function sumCounts(partials: Uint32Array): number {
  return partials.reduce((sum, n) => sum + n, 0);
}

/**
 * Counts the elements of w that are pruned by `mask` or are +-0 themselves (mask null: only the latter). Writes
 * u32 out[partialBegin .. partialBegin + zeroPartials(w)), whose sum is the count.
 */
export async function countZeros(
  rec: Recorder,
  w: Weight,
  mask: MaskBuffer | null,
  out: LabBuffer,
  partialBegin = 0,
): Promise<void> {
  checkWeight('countZeros', w);
  if (mask) checkMask('countZeros', mask, w.rows, w.cols);
  const counters = zeroPartials(w);
  checkBytes('countZeros', 'out', out, (partialBegin + counters) * 4);
  rec.clear(out, partialBegin * 4, counters * 4);
  const wordsPerRow = Math.ceil(w.cols / 32);
  const wordCost = 32 * 8;
  for (const { shard, begin, end } of pieces(rec, w, wordsPerRow, wordCost)) {
    await rec.run({
      kernel: countZerosKernel,
      bind: { weights: shard.buffer, mask: mask?.buffer ?? shard.buffer, counters: out },
      params: {
        cols: w.cols,
        begin,
        end,
        perLane: WORDS_PER_LANE,
        shardRow: shard.rowBegin,
        wordsPerRow,
        counterBegin: partialBegin,
        counters,
      },
      grid: gridFor(end - begin, 64 * WORDS_PER_LANE),
      cost: (end - begin) * wordCost,
      bytes: (end - begin) * ((w.cols * DTYPE_BYTES[w.dtype]) / wordsPerRow + (mask ? 4 : 0)),
      constants: { ...weightType(w.dtype), HAS_MASK: mask ? 1 : 0 },
    });
  }
}
