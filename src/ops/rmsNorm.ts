import { defineKernel, foldGrid } from '../gpu/kernel';
import type { Recorder } from '../gpu/recorder';
import grid from '../../shaders/lib/grid.wgsl?raw';
import lane from '../../shaders/rmsNormLane.wgsl?raw';
import tree from '../../shaders/rmsNormTree.wgsl?raw';
import { checkAct, checkVec, require } from './check';
import { bySpeed } from './choose';
import { placeResidual } from './residual';
import { splitRange } from './split';
import type { Act, Vec } from './types';

export type RmsNormVariant = 'lane' | 'tree';

/** Flop-equivalents of an element. */
const COST = 60;

export const rmsNormKernels = {
  lane: defineKernel('rmsNorm.lane', grid, lane),
  tree: defineKernel('rmsNorm.tree', grid, tree),
};

export interface RmsNormOptions {
  eps: number;
  /** Added to every weight: 1 where the file holds the weight's distance from 1 (Gemma). 0 when left out. */
  offset?: 0 | 1;
  /** Added to the result; may be `out` itself. Same shape as `out`. */
  residual?: Act;
  /** `lane` (no barriers) for software adapters, `tree` for hardware; chosen by the adapter when left out. */
  variant?: RmsNormVariant;
}

/**
 * out[r] = x[r] / sqrt(mean(x[r]²) + eps) * (offset + weight) (+ residual[r]). x and out are [rows, cols] and must not
 * share a buffer; rows may be the heads of rows: [tokens * heads, headDim].
 */
export async function rmsNorm(
  rec: Recorder,
  x: Act,
  weight: Vec,
  out: Act,
  options: RmsNormOptions,
): Promise<void> {
  const { rows, cols } = x;
  const { eps, offset = 0, residual } = options;
  checkAct('rmsNorm', 'x', x);
  checkAct('rmsNorm', 'out', out, { rows, cols });
  checkVec('rmsNorm', 'weight', weight, cols);
  require(x.buffer !== out.buffer, 'rmsNorm', 'x and out share a buffer');
  require(cols > 0, 'rmsNorm', 'x has no columns');
  const variant = options.variant ?? bySpeed(rec.ctx, 'rmsNorm', 'lane', 'tree');
  if (residual) placeResidual(rec, 'rmsNorm', residual, out);
  for (const { begin, end } of splitRange(rows, 4, cols * COST, rec.maxCost)) {
    const count = end - begin;
    await rec.run({
      kernel: rmsNormKernels[variant],
      bind: { x: x.buffer, weight: weight.buffer, out: out.buffer },
      params: { rowBegin: begin, rowEnd: end, cols, eps, offset, accumulate: residual ? 1 : 0 },
      grid: foldGrid(variant === 'lane' ? Math.ceil(count / 4) : count),
      cost: count * cols * COST,
      flops: count * cols * 4,
      bytes: count * cols * ((residual ? 12 : 8) + 4 / rows),
    });
  }
}
