import { defineKernel, foldGrid } from '../gpu/kernel';
import type { Recorder } from '../gpu/recorder';
import lane from '../../shaders/layerNormLane.wgsl?raw';
import tree from '../../shaders/layerNormTree.wgsl?raw';
import grid from '../../shaders/lib/grid.wgsl?raw';
import { checkAct, checkVec, require } from './check';
import { bySpeed } from './choose';
import { placeResidual } from './residual';
import { splitRange } from './split';
import type { Act, Vec } from './types';

export type LayerNormVariant = 'lane' | 'tree';

/** Flop-equivalents of an element. */
const COST = 80;

export const layerNormKernels = {
  lane: defineKernel('layerNorm.lane', grid, lane),
  tree: defineKernel('layerNorm.tree', grid, tree),
};

export interface LayerNormOptions {
  eps: number;
  /** Added to the result; may be `out` itself. Same shape as `out`. */
  residual?: Act;
  /** `lane` (no barriers) for software adapters, `tree` for hardware; chosen by the adapter when left out. */
  variant?: LayerNormVariant;
}

/**
 * out[r] = (x[r] - mean) / sqrt(variance + eps) * weight (+ bias) (+ residual[r]), with the biased variance (divided by
 * cols). A mean that is large against the spread costs no more than the rounding of x itself. x and out are
 * [rows, cols] and must not share a buffer; rows may be the heads of rows.
 */
export async function layerNorm(
  rec: Recorder,
  x: Act,
  weight: Vec,
  bias: Vec | undefined,
  out: Act,
  options: LayerNormOptions,
): Promise<void> {
  const { rows, cols } = x;
  const { eps, residual } = options;
  checkAct('layerNorm', 'x', x);
  checkAct('layerNorm', 'out', out, { rows, cols });
  checkVec('layerNorm', 'weight', weight, cols);
  if (bias) checkVec('layerNorm', 'bias', bias, cols);
  require(x.buffer !== out.buffer, 'layerNorm', 'x and out share a buffer');
  require(cols > 0, 'layerNorm', 'x has no columns');
  const variant = options.variant ?? bySpeed(rec.ctx, 'layerNorm', 'lane', 'tree');
  if (residual) placeResidual(rec, 'layerNorm', residual, out);
  const flags = { hasBias: bias ? 1 : 0, accumulate: residual ? 1 : 0 };
  for (const { begin, end } of splitRange(rows, 4, cols * COST, rec.maxCost)) {
    const count = end - begin;
    await rec.run({
      kernel: layerNormKernels[variant],
      bind: { x: x.buffer, weight: weight.buffer, bias: (bias ?? weight).buffer, out: out.buffer },
      params: { rowBegin: begin, rowEnd: end, cols, eps, ...flags },
      grid: foldGrid(variant === 'lane' ? Math.ceil(count / 4) : count),
      cost: count * cols * COST,
      flops: count * cols * 8,
      bytes: count * cols * ((residual ? 12 : 8) + (bias ? 8 : 4) / rows),
    });
  }
}
