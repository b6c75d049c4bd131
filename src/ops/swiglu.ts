import { defineKernel, foldGrid } from '../gpu/kernel';
import type { Recorder } from '../gpu/recorder';
import grid from '../../shaders/lib/grid.wgsl?raw';
import code from '../../shaders/swiglu.wgsl?raw';
import { checkAct, require } from './check';
import { splitRange } from './split';
import type { Act } from './types';

/** Flop-equivalents of an element. */
const COST = 60;

export const swigluKernel = defineKernel('swiglu', grid, code);

/** out = silu(gate) * up, all [rows, cols]; `out` may be `gate` itself (cheapest) but not `up`. */
export async function swiglu(rec: Recorder, gate: Act, up: Act, out: Act): Promise<void> {
  const { rows, cols } = gate;
  checkAct('swiglu', 'gate', gate);
  checkAct('swiglu', 'up', up, { rows, cols });
  checkAct('swiglu', 'out', out, { rows, cols });
  require(up.buffer !== out.buffer, 'swiglu', 'up and out share a buffer');
  const count = rows * cols;
  if (count > 0 && gate.buffer !== out.buffer) rec.copy(gate.buffer, 0, out.buffer, 0, count * 4);
  for (const { begin, end } of splitRange(count, 64, COST, rec.maxCost)) {
    await rec.run({
      kernel: swigluKernel,
      bind: { up: up.buffer, out: out.buffer },
      params: { begin, end },
      grid: foldGrid(Math.ceil((end - begin) / 64)),
      cost: (end - begin) * COST,
      flops: (end - begin) * 5,
    });
  }
}
