import { defineKernel, foldGrid } from '../gpu/kernel';
import type { Recorder } from '../gpu/recorder';
import grid from '../../shaders/lib/grid.wgsl?raw';
import cap from '../../shaders/lib/softcap.wgsl?raw';
import code from '../../shaders/softcap.wgsl?raw';
import { checkAct, require } from './check';
import { splitRange } from './split';
import type { Act } from './types';

export const softcapKernel = defineKernel('softcap', grid, cap, code);

/** What an architecture does to its raw logits: softcap * tanh(scale * raw / softcap). */
export interface LogitOptions {
  /** 0 or left out: none. */
  softcap?: number;
  /** Default 1. */
  scale?: number;
}

/** Flop-equivalents of an element. */
const COST = 60;

/**
 * x = softcap * tanh(scale * x / softcap) in place, [rows, cols]; records nothing where that changes nothing. Values
 * that are not finite stay so.
 */
export async function softcap(
  rec: Recorder,
  x: Act,
  { softcap = 0, scale = 1 }: LogitOptions,
): Promise<void> {
  checkAct('softcap', 'x', x);
  require(Number.isFinite(softcap) &&
    softcap >= 0 &&
    Number.isFinite(scale), 'softcap', `a cap of ${softcap} and a scale of ${scale}`);
  if (softcap === 0 && scale === 1) return;
  for (const { begin, end } of splitRange(x.rows * x.cols, 256, COST, rec.maxCost)) {
    await rec.run({
      kernel: softcapKernel,
      bind: { x: x.buffer },
      params: { begin, end, scale, cap: softcap },
      grid: foldGrid(Math.ceil((end - begin) / 256)),
      cost: (end - begin) * COST,
      flops: (end - begin) * 5,
      bytes: (end - begin) * 8,
    });
  }
}
