import { defineKernel, foldGrid } from '../gpu/kernel';
import type { Recorder } from '../gpu/recorder';
import code from '../../shaders/accumulate.wgsl?raw';
import grid from '../../shaders/lib/grid.wgsl?raw';
import { checkAct, require } from './check';
import { splitRange } from './split';
import type { Act } from './types';

export const accumulateKernel = defineKernel('accumulate', grid, code);

/** Flop-equivalents of an element. */
const COST = 40;

export interface AccumulateOptions {
  /** Row of `out` that row 0 of x is added to. */
  rowBegin?: number;
  /** Adds x² element by element. */
  squared?: boolean;
}

/** out += x, or x²; x [rows, cols], out at least as many rows. */
export async function accumulate(
  rec: Recorder,
  x: Act,
  out: Act,
  { rowBegin = 0, squared = false }: AccumulateOptions = {},
): Promise<void> {
  checkAct('accumulate', 'x', x);
  checkAct('accumulate', 'out', out, { cols: x.cols });
  require(rowBegin + x.rows <= out.rows, 'accumulate', `rows ${rowBegin}+${x.rows} of ${out.rows}`);
  require(x.buffer !== out.buffer, 'accumulate', 'x and out share a buffer');
  for (const { begin, end } of splitRange(x.rows * x.cols, 64, COST, rec.maxCost)) {
    await rec.run({
      kernel: accumulateKernel,
      bind: { x: x.buffer, out: out.buffer },
      params: { begin, end, outBegin: rowBegin * x.cols, squared: squared ? 1 : 0 },
      grid: foldGrid(Math.ceil((end - begin) / 64)),
      cost: (end - begin) * COST,
      flops: (end - begin) * (squared ? 2 : 1),
      bytes: (end - begin) * 12,
    });
  }
}
