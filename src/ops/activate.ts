import { defineKernel, foldGrid } from '../gpu/kernel';
import type { Recorder } from '../gpu/recorder';
import code from '../../shaders/activate.wgsl?raw';
import gelu from '../../shaders/lib/activation_gelu.wgsl?raw';
import geluTanh from '../../shaders/lib/activation_geluTanh.wgsl?raw';
import relu from '../../shaders/lib/activation_relu.wgsl?raw';
import silu from '../../shaders/lib/activation_silu.wgsl?raw';
import grid from '../../shaders/lib/grid.wgsl?raw';
import sigmoid from '../../shaders/lib/sigmoid.wgsl?raw';
import { checkAct, require } from './check';
import { splitRange } from './split';
import type { Act } from './types';

/** `gelu` is x Φ(x), `geluTanh` its approximation by tanh; they differ by up to 5e-4. */
export const ACTIVATIONS = ['silu', 'gelu', 'geluTanh', 'relu'] as const;
export type Activation = (typeof ACTIVATIONS)[number];

/** Flop-equivalents of an element. */
const COST = 60;

export const activateKernels: Record<Activation, ReturnType<typeof defineKernel>> = {
  silu: defineKernel('activate.silu', grid, sigmoid, silu, code),
  gelu: defineKernel('activate.gelu', grid, gelu, code),
  geluTanh: defineKernel('activate.geluTanh', grid, sigmoid, geluTanh, code),
  relu: defineKernel('activate.relu', grid, relu, code),
};

/**
 * x = act(x), or act(x) * up where a gated MLP has one; in place, all [rows, cols]. Finite for every finite x: nothing
 * overflows on the way.
 */
export async function activate(rec: Recorder, kind: Activation, x: Act, up: Act | null): Promise<void> {
  const { rows, cols } = x;
  checkAct('activate', 'x', x);
  if (up) checkAct('activate', 'up', up, { rows, cols });
  require(x.buffer !== up?.buffer, 'activate', 'x and up share a buffer');
  const bind = { x: x.buffer, up: up?.buffer ?? rec.scratch('no gate', 16) };
  for (const { begin, end } of splitRange(rows * cols, 64, COST, rec.maxCost)) {
    await rec.run({
      kernel: activateKernels[kind],
      bind,
      params: { begin, end, gated: up ? 1 : 0 },
      grid: foldGrid(Math.ceil((end - begin) / 64)),
      cost: (end - begin) * COST,
      flops: (end - begin) * 5,
      bytes: (end - begin) * (up ? 12 : 8),
    });
  }
}
