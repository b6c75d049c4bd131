/**
 * Operations that the definitions of the pruners count (the papers' algorithms on matrices of R outputs and C inputs),
 * to set measured times beside. Comparisons count as operations. What a text's data decide (iterations) is given once.
 */
import { inputsOf, type DecoderConfig } from '../models/archs/define';
import type { Statistic } from '../pruning/pruners/define';

/** ALPS goes round at most this often. */
const ALPS_ITERATIONS = 300;

interface Sums {
  /** Over the matrices of a block: R, R C, R C², R C log2 C. */
  rows: number;
  weights: number;
  sweeps: number;
  sorts: number;
  /** Over its shared inputs: C, C², C³. */
  widths: number;
  squares: number;
  cubes: number;
}

function sumsOf(config: DecoderConfig): Sums {
  const sum = (values: number[]): number => values.reduce((a, b) => a + b, 0);
  const widths = inputsOf(config).map((i) => i.width);
  const { matrices } = config;
  return {
    rows: sum(matrices.map((m) => m.rows)),
    weights: sum(matrices.map((m) => m.rows * m.cols)),
    sweeps: sum(matrices.map((m) => m.rows * m.cols ** 2)),
    sorts: sum(matrices.map((m) => m.rows * m.cols * Math.log2(m.cols))),
    widths: sum(widths),
    squares: sum(widths.map((c) => c ** 2)),
    cubes: sum(widths.map((c) => c ** 3)),
  };
}

/** Choosing and solving in one block, by step. Pruners without a line here sort or select. */
const SOLVING: Record<string, (s: Sums) => Record<string, number>> = {
  sparsegpt: (s) => ({ factorisations: (4 / 3) * s.cubes, sweep: s.sweeps }),
  alps: (s) => ({ 'one iteration': 2 * s.sweeps, 'one rebuild': 2 * s.cubes }),
  dsnot: (s) => ({ sorts: 2 * s.sorts, swaps: 50 * s.rows }),
};

/** Of one pass over all blocks, on `tokens` tokens in sequences of `length`. */
export function operationsOf(
  config: DecoderConfig,
  pruner: { id: string; statistics: readonly Statistic[] },
  { tokens, length }: { tokens: number; length: number },
): Record<string, number> {
  const s = sumsOf(config);
  const width = config.heads * config.headDim;
  const forward = 2 * s.weights * tokens + 2 * length * tokens * width;
  const collected: Record<Statistic, Record<string, number>> = {
    norm: { norms: 2 * tokens * s.widths },
    gram: { 'Gram matrices': 2 * tokens * s.squares },
    moments: { moments: 5 * tokens * s.widths },
    gradient: { gradients: 3 * forward },
    gradientSum: { gradients: 3 * forward },
  };
  const block = {
    ...(pruner.statistics.length > 0 ? { 'two forwards': 2 * forward } : {}),
    ...Object.assign({}, ...pruner.statistics.map((name) => collected[name])),
    ...(SOLVING[pruner.id]?.(s) ?? { selection: s.sorts }),
  } as Record<string, number>;
  return Object.fromEntries(Object.entries(block).map(([step, n]) => [step, n * config.layers]));
}

/** Operations of solving one block at the worst: what decides how many blocks a short measurement can take. */
export function worstSolve(config: DecoderConfig, id: string): number {
  const s = sumsOf(config);
  if (id === 'alps') return ALPS_ITERATIONS * (2 * s.sweeps + (2 / 3) * s.cubes);
  return Object.values(SOLVING[id]?.(s) ?? {}).reduce((a, b) => a + b, 0);
}
