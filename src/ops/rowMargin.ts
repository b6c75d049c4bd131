import { defineKernel } from '../gpu/kernel';
import type { Recorder } from '../gpu/recorder';
import type { LabBuffer } from '../gpu/scope';
import grid from '../../shaders/lib/grid.wgsl?raw';
import keyRange from '../../shaders/lib/keyRange.wgsl?raw';
import scoreKey from '../../shaders/lib/scoreKey.wgsl?raw';
import code from '../../shaders/rowMargin.wgsl?raw';
import { checkBytes } from './check';
import { checkScored, gridFor, pieces, scoreBindings, scoreConstants } from './pruneKernels';
import type { MaskBuffer, Vec, Weight } from './types';

export const rowMarginKernel = defineKernel('rowMargin', grid, keyRange, scoreKey, code);

/**
 * out[r] = (largest pruned score, smallest kept score) of row r, f32 [rows, 2]. NaN scores are left out; a side
 * without scores is -1.
 */
export async function rowMargin(
  rec: Recorder,
  w: Weight,
  norms: Vec | null,
  mask: MaskBuffer,
  out: LabBuffer,
): Promise<void> {
  checkScored('rowMargin', w, norms, mask);
  checkBytes('rowMargin', 'out', out, w.rows * 8);
  const costPerRow = w.cols * 30 + 64 * (rec.ctx.record.software ? 200 : 10);
  for (const { shard, begin, end } of pieces(rec, w, 1, costPerRow)) {
    await rec.run({
      kernel: rowMarginKernel,
      bind: { ...scoreBindings(shard, norms), mask: mask.buffer, out },
      params: {
        cols: w.cols,
        rowBegin: begin,
        rowEnd: end,
        shardRow: shard.rowBegin,
        wordsPerRow: mask.wordsPerRow,
      },
      grid: gridFor(end - begin, 1),
      cost: (end - begin) * costPerRow,
      constants: scoreConstants(w, norms),
    });
  }
}

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
