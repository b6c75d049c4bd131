import { defineKernel, foldGrid } from '../gpu/kernel';
import type { Recorder } from '../gpu/recorder';
import layer from '../../shaders/layerNormBackward.wgsl?raw';
import grid from '../../shaders/lib/grid.wgsl?raw';
import rms from '../../shaders/rmsNormBackward.wgsl?raw';
import { checkAct, checkVec, require } from './check';
import { splitRange } from './split';
import type { Act, Vec } from './types';

/** Flop-equivalents of an element. */
const COST = 120;

export const normBackwardKernels = {
  rms: defineKernel('rmsNormBackward', grid, rms),
  layer: defineKernel('layerNormBackward', grid, layer),
};

export interface NormBackwardOptions {
  kind: 'rms' | 'layer';
  eps: number;
  /** Added to every weight of an RMS norm; 0 when left out. */
  offset?: 0 | 1;
  /** dx += instead of dx =. */
  accumulate?: boolean;
}

/**
 * dx = the gradient of the input x of a norm, from the gradient dy of its output; a bias does not matter. All are
 * [rows, cols]; rows may be the heads of rows. dx must share no buffer with x or dy.
 */
export async function normBackward(
  rec: Recorder,
  x: Act,
  weight: Vec,
  dy: Act,
  dx: Act,
  { kind, eps, offset = 0, accumulate = false }: NormBackwardOptions,
): Promise<void> {
  const op = 'normBackward';
  const { rows, cols } = x;
  checkAct(op, 'x', x);
  checkAct(op, 'dy', dy, { rows, cols });
  checkAct(op, 'dx', dx, { rows, cols });
  checkVec(op, 'weight', weight, cols);
  require(dx.buffer !== x.buffer && dx.buffer !== dy.buffer, op, 'dx shares a buffer with x or dy');
  require(cols > 0, op, 'x has no columns');
  for (const { begin, end } of splitRange(rows, 8, cols * COST, rec.maxCost)) {
    await rec.run({
      kernel: normBackwardKernels[kind],
      bind: { x: x.buffer, weight: weight.buffer, dy: dy.buffer, dx: dx.buffer },
      params: {
        rowBegin: begin,
        rowEnd: end,
        cols,
        eps,
        accumulate: accumulate ? 1 : 0,
        ...(kind === 'rms' ? { offset } : {}),
      },
      grid: foldGrid(Math.ceil((end - begin) / 8)),
      cost: (end - begin) * cols * COST,
      flops: (end - begin) * cols * (kind === 'rms' ? 9 : 14),
      bytes: (end - begin) * cols * ((accumulate ? 16 : 12) + 4 / rows),
    });
  }
}
