import { defineKernel } from '../gpu/kernel';
import type { Recorder } from '../gpu/recorder';
import type { LabBuffer } from '../gpu/scope';
import grid from '../../shaders/lib/grid.wgsl?raw';
import code from '../../shaders/peakFma.wgsl?raw';
import { checkBytes } from './check';
import { gridFor } from './pruneKernels';

export const peakFmaKernel = defineKernel('peakFma', grid, code);

/** `fma` asks for the fused instruction; `plain` leaves it to the compiler, which is faster where there is none. */
export const PEAK_VARIANTS = ['plain', 'fma'] as const;
export type PeakVariant = (typeof PEAK_VARIANTS)[number];

/** Values of a lane, and steps of one turn of its loop. */
const CHAINS = 8;
const STEPS = 16;

/** What a chain does: x = x * FACTOR + TERM, which ends near 4 wherever it begins. */
export const PEAK_STEP = { factor: 0.75, term: 1, count: STEPS };

/** Multiplications and additions of one call. */
export function peakFlops(lanes: number, trips: number): number {
  return 2 * CHAINS * STEPS * lanes * trips;
}

/**
 * `trips` turns of 16 multiply-adds on 8 values of every lane, in registers: out[i], f32 [lanes], is the sum of the
 * values of lane i, four that began at i % 8 and four at i % 8 + 8. One dispatch, however large: it measures.
 */
export async function peakFma(
  rec: Recorder,
  out: LabBuffer,
  { lanes, trips, variant }: { lanes: number; trips: number; variant: PeakVariant },
): Promise<void> {
  checkBytes('peakFma', 'out', out, lanes * 4);
  const flops = peakFlops(lanes, trips);
  await rec.run({
    kernel: peakFmaKernel,
    bind: { out },
    params: { lanes, trips, factor: PEAK_STEP.factor, term: PEAK_STEP.term },
    grid: gridFor(lanes, 64),
    cost: flops,
    flops,
    bytes: 4 * lanes,
    constants: { FUSED: variant === 'fma' ? 1 : 0 },
  });
}
