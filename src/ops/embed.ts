import { DTYPE_BYTES } from '../core/dtypes';
import type { Recorder } from '../gpu/recorder';
import { foldGrid } from '../gpu/kernel';
import type { LabBuffer } from '../gpu/scope';
import code from '../../shaders/embed.wgsl?raw';
import grid from '../../shaders/lib/grid.wgsl?raw';
import { checkAct, checkBytes, checkWeight } from './check';
import { splitRange } from './split';
import type { Act, Weight } from './types';
import { perDtype } from './weightLibs';

/** Flop-equivalents of an element. */
const COST = 32;

export const embedKernels = perDtype('embed', grid, code);

export interface EmbedOptions {
  /** What rows are multiplied by (Gemma: the root of their width); 1, which changes nothing, when left out. */
  scale?: number;
}

/**
 * out[t] = weight[ids[t]] * scale for t < count; ids is u32 [count]. One dispatch per shard of the table. An id beyond the
 * table gives a row of NaN.
 */
export async function embed(
  rec: Recorder,
  weight: Weight,
  ids: LabBuffer,
  count: number,
  out: Act,
  { scale = 1 }: EmbedOptions = {},
): Promise<void> {
  checkWeight('embed', weight);
  checkAct('embed', 'out', out, { rows: count, cols: weight.cols });
  checkBytes('embed', 'ids', ids, count * 4);
  for (const shard of weight.shards) {
    for (const { begin, end } of splitRange(count * weight.cols, 64, COST, rec.maxCost)) {
      await rec.run({
        kernel: embedKernels[weight.dtype],
        bind: { ids, weight: shard.buffer, out: out.buffer },
        params: {
          begin,
          end,
          cols: weight.cols,
          rowBegin: shard.rowBegin,
          rowEnd: shard.rowBegin + shard.rows,
          rowTotal: weight.rows,
          invalid: NaN,
          scale,
        },
        grid: foldGrid(Math.ceil((end - begin) / 64)),
        cost: (end - begin) * COST,
        bytes: ((end - begin) * (4 + DTYPE_BYTES[weight.dtype]) * shard.rows) / weight.rows,
      });
    }
  }
}
