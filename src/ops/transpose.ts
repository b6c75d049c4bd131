import { DTYPE_BYTES } from '../core/dtypes';
import { foldGrid } from '../gpu/kernel';
import type { Recorder } from '../gpu/recorder';
import grid from '../../shaders/lib/grid.wgsl?raw';
import code from '../../shaders/transpose.wgsl?raw';
import { checkAct, checkWeight, require } from './check';
import { splitRange } from './split';
import type { Act, Weight } from './types';
import { perDtype } from './weightLibs';

/** Flop-equivalents of an element. */
const COST = 40;

export const transposeKernels = perDtype('transpose', grid, code);

export interface TransposeOptions {
  /** Rows of x to turn, [rowBegin, rowBegin + rows). Default: all. */
  rowBegin?: number;
  rows?: number;
}

/**
 * out = xᵀ in f32: out [x.cols, at least rows]; columns beyond the rows become 0, so that products over them may take
 * whole vec4. `out` must not be one of x's buffers.
 */
export async function transpose(
  rec: Recorder,
  x: Weight,
  out: Act,
  { rowBegin = 0, rows = x.rows - rowBegin }: TransposeOptions = {},
): Promise<void> {
  checkWeight('transpose', x);
  checkAct('transpose', 'out', out, { rows: x.cols });
  require(rowBegin >= 0 &&
    rows > 0 &&
    rowBegin + rows <= x.rows, 'transpose', `rows ${rowBegin}+${rows} of ${x.rows}`);
  require(out.cols >= rows, 'transpose', `${rows} rows do not fit ${out.cols} columns`);
  require(x.shards.every((s) => s.buffer !== out.buffer), 'transpose', 'x and out share a buffer');
  for (const shard of x.shards) {
    const begin = Math.max(rowBegin, shard.rowBegin);
    const end = Math.min(rowBegin + rows, shard.rowBegin + shard.rows);
    if (begin >= end) continue;
    const outBegin = begin - rowBegin;
    // What comes last clears the columns that are left.
    const padded = end === rowBegin + rows ? out.cols - outBegin : end - begin;
    for (const piece of splitRange(x.cols * padded, 64, COST, rec.maxCost)) {
      await rec.run({
        kernel: transposeKernels[x.dtype],
        bind: { weight: shard.buffer, out: out.buffer },
        params: {
          elementBegin: piece.begin,
          elementEnd: piece.end,
          cols: x.cols,
          count: end - begin,
          padded,
          rowBegin: begin - shard.rowBegin,
          outBegin,
          outCols: out.cols,
        },
        grid: foldGrid(Math.ceil((piece.end - piece.begin) / 64)),
        cost: (piece.end - piece.begin) * COST,
        bytes: (piece.end - piece.begin) * (4 + DTYPE_BYTES[x.dtype]),
      });
    }
  }
}

/** Activations as an f32 weight of one shard, for ops that take weights. */
export function asWeight(act: Act): Weight {
  return {
    name: act.buffer.label,
    rows: act.rows,
    cols: act.cols,
    dtype: 'F32',
    shards: [{ buffer: act.buffer, rowBegin: 0, rows: act.rows }],
  };
}
