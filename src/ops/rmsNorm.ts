import { defineKernel, foldGrid } from '../gpu/kernel';
import type { Recorder } from '../gpu/recorder';
import grid from '../../shaders/lib/grid.wgsl?raw';
import lane from '../../shaders/rmsNormLane.wgsl?raw';
import tree from '../../shaders/rmsNormTree.wgsl?raw';
import { checkAct, checkVec, require } from './check';
import { bySpeed } from './choose';
import type { Act, Vec } from './types';

export type RmsNormVariant = 'lane' | 'tree';

export const rmsNormKernels = {
  lane: defineKernel('rmsNorm.lane', grid, lane),
  tree: defineKernel('rmsNorm.tree', grid, tree),
};

export interface RmsNormOptions {
  eps: number;
  /** `lane` (no barriers) for software adapters, `tree` for hardware; chosen by the adapter when left out. */
  variant?: RmsNormVariant;
}

/** out[r] = x[r] / sqrt(mean(x[r]²) + eps) * weight; x and out are [rows, cols] and must not share a buffer. */
export async function rmsNorm(
  rec: Recorder,
  x: Act,
  weight: Vec,
  out: Act,
  options: RmsNormOptions,
): Promise<void> {
  const { rows, cols } = x;
  checkAct('rmsNorm', 'x', x);
  checkAct('rmsNorm', 'out', out, { rows, cols });
  checkVec('rmsNorm', 'weight', weight, cols);
  require(x.buffer !== out.buffer, 'rmsNorm', 'x and out share a buffer');
  if (rows * cols === 0) return;
  const variant = options.variant ?? bySpeed(rec.ctx, 'rmsNorm', 'lane', 'tree');
  await rec.run({
    kernel: rmsNormKernels[variant],
    bind: { x: x.buffer, weight: weight.buffer, out: out.buffer },
    params: { rows, cols, eps: options.eps },
    grid: foldGrid(variant === 'lane' ? Math.ceil(rows / 4) : rows),
    cost: rows * cols * 60,
    flops: rows * cols * 4,
  });
}
