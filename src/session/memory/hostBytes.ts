/** Host memory that pruning takes beside the GPU's: an estimate, named apart because no ledger counts it. */
import type { ModelPlan } from '../../models/inspect';
import type { MemoryJob } from './memoryPlan';

export interface HostBytes {
  /** Dense outputs that do not fit on the GPU. */
  streams: number;
  /** Row orders of a preview on the processor, and gradients. */
  kept: number;
  /** A matrix at a time: its weights in f32, its new weights, its mask, its statistics and what is factored from them. */
  solver: number;
}

/** Row orders take no more. */
const ORDERS_BYTES = 512 << 20;

export function hostBytesOf(model: ModelPlan, jobs: readonly MemoryJob[], streams: number): HostBytes {
  const count = model.prunable.reduce((sum, m) => sum + m.count, 0);
  let kept = 0;
  let solver = 0;
  for (const job of jobs) {
    if (job.kind !== 'prune') continue;
    const { path, statistics } = job.pruner;
    const has = (name: (typeof statistics)[number]): boolean => statistics.includes(name);
    const orders = path === 'cpu' && job.statistics === 'dense' ? Math.min(2 * count, ORDERS_BYTES) : 0;
    const gradients = has('gradient') || has('gradientSum') ? 4 * count : 0;
    kept = Math.max(kept, orders + gradients);
    if (path === 'gpu') continue;
    // Copies in f64 that are held at once, by reading the solvers: of [C, C] the damped matrix, its factor and inverse with
    // their scratch, of [R, C] (most of all ALPS) weights, targets, multipliers and steps.
    const [squares, copies] = path === 'solver' && has('gram') ? [5, 7] : [0, 0];
    for (const { rows, cols } of model.prunable) {
      const weights = rows * cols * (path === 'solver' ? 8 : 4) + rows * Math.ceil(cols / 8);
      const gram = has('gram') ? cols * cols * (4 + squares * 8) : 0;
      solver = Math.max(solver, weights + rows * cols * copies * 8 + gram);
    }
  }
  return { streams, kept, solver };
}
