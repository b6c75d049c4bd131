import { defineKernel, foldGrid } from '../gpu/kernel';
import type { Recorder } from '../gpu/recorder';
import grid from '../../shaders/lib/grid.wgsl?raw';
import code from '../../shaders/splitColumns.wgsl?raw';
import { checkAct, require } from './check';
import { splitRange } from './split';
import type { Act } from './types';

export const splitColumnsKernel = defineKernel('splitColumns', grid, code);

/** Flop-equivalents of an element. */
const COST = 40;

/** Where the columns of a part stand in the whole. */
export interface SplitColumnsOptions {
  /** First column of x. */
  begin: number;
  /** Columns that stay together, and the distance from one such block to the next: at least `block`. */
  block: number;
  stride: number;
}

/**
 * Takes one part out of the output of a fused projection: out[r, j] = x[r, begin + floor(j / block) * stride +
 * j % block]. Parts that follow one another have block = out.cols; parts interleaved head by head (GPT-NeoX: q, k and v
 * of head 0, of head 1, ...) have block = headDim, stride = 3 * headDim.
 */
export async function splitColumns(
  rec: Recorder,
  x: Act,
  out: Act,
  { begin, block, stride }: SplitColumnsOptions,
): Promise<void> {
  const { rows, cols } = out;
  checkAct('splitColumns', 'x', x, { rows });
  checkAct('splitColumns', 'out', out);
  require(x.buffer !== out.buffer, 'splitColumns', 'x and out share a buffer');
  require([begin, block, stride].every(Number.isSafeInteger) &&
    begin >= 0 &&
    block > 0 &&
    stride >= block, 'splitColumns', `blocks of ${block} every ${stride} from ${begin}`);
  if (rows * cols === 0) return;
  const last = begin + Math.floor((cols - 1) / block) * stride + ((cols - 1) % block);
  require(last < x.cols, 'splitColumns', `column ${last} of x, which has ${x.cols}, is asked for`);
  for (const piece of splitRange(rows * cols, 64, COST, rec.maxCost)) {
    const count = piece.end - piece.begin;
    await rec.run({
      kernel: splitColumnsKernel,
      bind: { x: x.buffer, out: out.buffer },
      params: { elementBegin: piece.begin, elementEnd: piece.end, cols, xCols: x.cols, begin, block, stride },
      grid: foldGrid(Math.ceil(count / 64)),
      cost: count * COST,
      bytes: 8 * count,
    });
  }
}
