/** What the benchmark reports: one row for each case, the same for every suite. */

export interface BenchRow {
  suite: string;
  case: string;
  device: string;
  /** Timed repetitions, after `warmup` that were not. */
  reps: number;
  warmup: number;
  /** Milliseconds of one run; null where it could not be run. */
  medianMs: number | null;
  p10Ms: number | null;
  p90Ms: number | null;
  /** Floating-point operations and bytes moved of one run; null where they say nothing. */
  flops: number | null;
  bytes: number | null;
  gflops: number | null;
  gbps: number | null;
  tokensPerSecond?: number;
  /** Against another case of the same run, from medians. `goal` is a bound: at least where more is better. */
  ratio?: { to: string; value: number; goal?: number; better?: 'more' | 'less'; met?: boolean };
  error?: string;
}

export interface Work {
  flops?: number | null;
  bytes?: number | null;
  tokens?: number;
}

/** The value below which a fraction `p` of the samples lies, linear between neighbours. */
export function percentile(samples: readonly number[], p: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (sorted.length - 1) * p;
  const low = sorted[Math.floor(at)] ?? NaN;
  const high = sorted[Math.ceil(at)] ?? NaN;
  return low + (high - low) * (at - Math.floor(at));
}

export function makeRow(
  where: Pick<BenchRow, 'suite' | 'case' | 'device' | 'warmup'>,
  samplesMs: readonly number[],
  work: Work = {},
): BenchRow {
  const medianMs = percentile(samplesMs, 0.5);
  const perSecond = (amount: number | null | undefined): number | null =>
    amount ? amount / (medianMs * 1e6) : null;
  return {
    ...where,
    reps: samplesMs.length,
    medianMs,
    p10Ms: percentile(samplesMs, 0.1),
    p90Ms: percentile(samplesMs, 0.9),
    flops: work.flops ?? null,
    bytes: work.bytes ?? null,
    gflops: perSecond(work.flops),
    gbps: perSecond(work.bytes),
    ...(work.tokens ? { tokensPerSecond: (1000 * work.tokens) / medianMs } : {}),
  };
}

export function errorRow(where: Pick<BenchRow, 'suite' | 'case' | 'device'>, error: string): BenchRow {
  const none = {
    medianMs: null,
    p10Ms: null,
    p90Ms: null,
    flops: null,
    bytes: null,
    gflops: null,
    gbps: null,
  };
  return { ...where, reps: 0, warmup: 0, ...none, error };
}

/** The row with its ratio to another figure, and whether the goal is met. */
export function withRatio(
  row: BenchRow,
  to: string,
  value: number,
  goal?: number,
  better: 'more' | 'less' = 'less',
): BenchRow {
  if (goal === undefined) return { ...row, ratio: { to, value } };
  return {
    ...row,
    ratio: { to, value, goal, better, met: better === 'more' ? value >= goal : value <= goal },
  };
}
