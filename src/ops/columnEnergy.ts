import { defineKernel } from '../gpu/kernel';
import type { Recorder } from '../gpu/recorder';
import type { LabBuffer } from '../gpu/scope';
import groupCode from '../../shaders/columnEnergyGroup.wgsl?raw';
import laneCode from '../../shaders/columnEnergyLane.wgsl?raw';
import { checkAct, checkBytes, require } from './check';
import { bySpeed } from './choose';
import { equalParts } from './split';
import type { Act } from './types';

export type ColumnEnergyVariant = 'lane' | 'group';

export const columnEnergyKernels = {
  lane: defineKernel('columnEnergy.lane', laneCode),
  group: defineKernel('columnEnergy.group', groupCode),
};

export interface ColumnEnergyOptions {
  /** Rows of x to one partial sum, >= 1. Fewer give more exact sums and more work for a wide GPU. */
  rowsPerChunk: number;
  /** Row of `out` for the first chunk; 0 when left out. */
  chunkBegin?: number;
  /** lane: software adapters; group: hardware. Chosen by the adapter when left out. */
  variant?: ColumnEnergyVariant;
}

/** Rows of `out` that one call writes. */
export function energyChunks(rows: number, rowsPerChunk: number): number {
  return Math.ceil(rows / rowsPerChunk);
}

/**
 * Partial sums of squares of the columns of x [rows, C]: out[chunkBegin + k, c] = sum of x[r, c]^2 over the rows
 * r of chunk k. `out` is f32 [at least chunkBegin + chunks, C]; the CPU adds the chunks in f64 (`addEnergies`).
 */
export async function columnEnergy(
  rec: Recorder,
  x: Act,
  out: LabBuffer,
  options: ColumnEnergyOptions,
): Promise<void> {
  const {
    rowsPerChunk,
    chunkBegin = 0,
    variant = bySpeed(rec.ctx, 'columnEnergy', 'lane', 'group'),
  } = options;
  require(Number.isInteger(rowsPerChunk) &&
    rowsPerChunk >= 1, 'columnEnergy', `${rowsPerChunk} rows to a chunk`);
  checkAct('columnEnergy', 'x', x);
  const chunks = energyChunks(x.rows, rowsPerChunk);
  checkBytes('columnEnergy', 'out', out, (chunkBegin + chunks) * x.cols * 4);
  const chunkCost = rowsPerChunk * x.cols * 8;
  const most = Math.min(rec.ctx.device.limits.maxComputeWorkgroupsPerDimension, rec.maxCost / chunkCost);
  const step = equalParts(chunks, 1, most);
  for (let begin = 0; begin < chunks; begin += step) {
    const count = Math.min(step, chunks - begin);
    await rec.run({
      kernel: columnEnergyKernels[variant],
      bind: { x: x.buffer, out },
      params: { rows: x.rows, cols: x.cols, rowsPerChunk, chunkBegin: begin, outRow: chunkBegin },
      grid: [Math.ceil(x.cols / 64), count],
      cost: count * chunkCost,
      flops: 2 * Math.min(count * rowsPerChunk, x.rows - begin * rowsPerChunk) * x.cols,
      bytes: 4 * (Math.min(count * rowsPerChunk, x.rows - begin * rowsPerChunk) + count) * x.cols,
    });
  }
}

/** Adds partials f32 [chunks, cols] to `into` [cols] in f64, chunk after chunk. */
export function addEnergies(partials: Float32Array, cols: number, into: Float64Array): void {
  for (let at = 0; at < partials.length; at += cols) {
    for (let c = 0; c < cols; c++) into[c] = (into[c] as number) + (partials[at + c] as number);
  }
}
