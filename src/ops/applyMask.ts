import { DTYPE_BYTES } from '../core/dtypes';
import { defineKernel } from '../gpu/kernel';
import type { Recorder } from '../gpu/recorder';
import code from '../../shaders/applyMask.wgsl?raw';
import grid from '../../shaders/lib/grid.wgsl?raw';
import { checkMask, checkWeight, require } from './check';
import { gridFor, weightType } from './pruneKernels';
import { equalParts } from './split';
import type { MaskBuffer, Weight } from './types';

export const applyMaskKernel = defineKernel('applyMask', grid, code);

/**
 * out = w with pruned elements +0; kept elements keep their exact bits (-0 and NaN payloads too). `out` has the same
 * shape, dtype and shards as `w`, in other buffers.
 */
export async function applyMask(rec: Recorder, w: Weight, mask: MaskBuffer, out: Weight): Promise<void> {
  checkWeight('applyMask', w);
  checkWeight('applyMask', out);
  checkMask('applyMask', mask, w.rows, w.cols);
  require(out.rows === w.rows &&
    out.cols === w.cols &&
    out.dtype === w.dtype, 'applyMask', `${out.name} is not like ${w.name}`);
  require(out.shards.length ===
    w.shards.length, 'applyMask', `${out.name} has ${out.shards.length} shards, not ${w.shards.length}`);
  for (const [i, shard] of w.shards.entries()) {
    const target = out.shards[i];
    if (!target) continue;
    require(target.rows === shard.rows &&
      target.buffer !== shard.buffer, 'applyMask', `shard ${i} of ${out.name} does not fit`);
    const quads = Math.ceil((shard.rows * w.cols * DTYPE_BYTES[w.dtype]) / 16);
    const dense = w.cols % 32 === 0;
    const quadCost = dense ? 40 : 120;
    const step = equalParts(quads, 1, rec.maxCost / quadCost);
    for (let begin = 0; begin < quads; begin += step) {
      const end = Math.min(begin + step, quads);
      await rec.run({
        kernel: applyMaskKernel,
        bind: { weights: shard.buffer, mask: mask.buffer, out: target.buffer },
        params: {
          rows: shard.rows,
          cols: w.cols,
          begin,
          end,
          shardRow: shard.rowBegin,
          wordsPerRow: mask.wordsPerRow,
        },
        grid: gridFor(end - begin, 64),
        cost: (end - begin) * quadCost,
        bytes: (end - begin) * (32 + 2 / DTYPE_BYTES[w.dtype]),
        constants: { ...weightType(w.dtype), DENSE_BITS: dense ? 1 : 0 },
      });
    }
  }
}
