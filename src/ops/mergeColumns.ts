import { defineKernel, foldGrid } from '../gpu/kernel';
import type { Recorder } from '../gpu/recorder';
import grid from '../../shaders/lib/grid.wgsl?raw';
import code from '../../shaders/mergeColumns.wgsl?raw';
import { checkAct, require } from './check';
import { splitRange } from './split';
import type { SplitColumnsOptions } from './splitColumns';
import type { Act } from './types';

export const mergeColumnsKernel = defineKernel('mergeColumns', grid, code);

/** Flop-equivalents of an element. */
const COST = 40;

/** The reverse of splitColumns: puts x where splitColumns would take it from; other columns of `out` stay. */
export async function mergeColumns(
  rec: Recorder,
  x: Act,
  out: Act,
  { begin, block, stride }: SplitColumnsOptions,
): Promise<void> {
  const op = 'mergeColumns';
  const { rows, cols } = x;
  checkAct(op, 'x', x);
  checkAct(op, 'out', out, { rows });
  require(x.buffer !== out.buffer, op, 'x and out share a buffer');
  require(begin >= 0 && block > 0 && stride >= block, op, `blocks of ${block} every ${stride} from ${begin}`);
  if (rows * cols === 0) return;
  const last = begin + Math.floor((cols - 1) / block) * stride + ((cols - 1) % block);
  require(last < out.cols, op, `column ${last} of out, which has ${out.cols}, is asked for`);
  for (const piece of splitRange(rows * cols, 64, COST, rec.maxCost)) {
    const count = piece.end - piece.begin;
    await rec.run({
      kernel: mergeColumnsKernel,
      bind: { x: x.buffer, out: out.buffer },
      params: {
        elementBegin: piece.begin,
        elementEnd: piece.end,
        cols,
        outCols: out.cols,
        begin,
        block,
        stride,
      },
      grid: foldGrid(Math.ceil(count / 64)),
      cost: count * COST,
      bytes: 8 * count,
    });
  }
}
