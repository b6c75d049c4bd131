import { defineKernel, foldGrid } from '../gpu/kernel';
import type { Recorder } from '../gpu/recorder';
import code from '../../shaders/activateBackward.wgsl?raw';
import gelu from '../../shaders/lib/activation_gelu.wgsl?raw';
import geluTanh from '../../shaders/lib/activation_geluTanh.wgsl?raw';
import relu from '../../shaders/lib/activation_relu.wgsl?raw';
import silu from '../../shaders/lib/activation_silu.wgsl?raw';
import grid from '../../shaders/lib/grid.wgsl?raw';
import sigmoid from '../../shaders/lib/sigmoid.wgsl?raw';
import slopeGelu from '../../shaders/lib/slope_gelu.wgsl?raw';
import slopeGeluTanh from '../../shaders/lib/slope_geluTanh.wgsl?raw';
import slopeRelu from '../../shaders/lib/slope_relu.wgsl?raw';
import slopeSilu from '../../shaders/lib/slope_silu.wgsl?raw';
import type { Activation } from './activate';
import { checkAct, require } from './check';
import { splitRange } from './split';
import type { Act } from './types';

/** Flop-equivalents of an element. */
const COST = 100;

export const activateBackwardKernels: Record<Activation, ReturnType<typeof defineKernel>> = {
  silu: defineKernel('activateBackward.silu', grid, sigmoid, silu, slopeSilu, code),
  gelu: defineKernel('activateBackward.gelu', grid, gelu, slopeGelu, code),
  geluTanh: defineKernel('activateBackward.geluTanh', grid, sigmoid, geluTanh, slopeGeluTanh, code),
  relu: defineKernel('activateBackward.relu', grid, relu, slopeRelu, code),
};

/**
 * Gradients of y = act(x), or act(x) * up. x is the input before the activation; dy becomes the gradient of x in place;
 * with a gate the gradient of `up` goes into `dUp`. All [rows, cols].
 */
export async function activateBackward(
  rec: Recorder,
  kind: Activation,
  x: Act,
  dy: Act,
  gate: { up: Act; dUp: Act } | null,
): Promise<void> {
  const op = 'activateBackward';
  const { rows, cols } = x;
  checkAct(op, 'x', x);
  checkAct(op, 'dy', dy, { rows, cols });
  if (gate) {
    checkAct(op, 'up', gate.up, { rows, cols });
    checkAct(op, 'dUp', gate.dUp, { rows, cols });
  }
  const up = gate?.up.buffer ?? rec.scratch('no gate', 16);
  const dUp = gate?.dUp.buffer ?? rec.scratch('no gradient', 16);
  require(new Set([x.buffer, dy.buffer, up, dUp]).size === 4, op, 'operands share a buffer');
  for (const { begin, end } of splitRange(rows * cols, 64, COST, rec.maxCost)) {
    await rec.run({
      kernel: activateBackwardKernels[kind],
      bind: { x: x.buffer, up, dy: dy.buffer, dUp },
      params: { begin, end, gated: gate ? 1 : 0 },
      grid: foldGrid(Math.ceil((end - begin) / 64)),
      cost: (end - begin) * COST,
      flops: (end - begin) * 10,
      bytes: (end - begin) * (gate ? 20 : 12),
    });
  }
}
