import { DTYPE_BYTES } from '../core/dtypes';
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
      bytes: (end - begin) * (w.cols * DTYPE_BYTES[w.dtype] + mask.wordsPerRow * 4 + 8),
      constants: scoreConstants(w, norms),
    });
  }
}
