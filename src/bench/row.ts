/** What the benchmark reports: one row for each case, the same for every suite. */

import type { WorkCount } from '../core/report';

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
  /** What medianMs is of: the device's timestamps around the kernels, or the clock until the device is idle. */
  clock?: 'timestamp' | 'wall';
  /** Median by the clock, where medianMs is by timestamps. */
  wallMs?: number;
  roofline?: Roofline;
  /** What one run asks of the GPU, and the milliseconds that the device's peaks allow for it at best (null: no device). */
  work?: WorkCount & { dispatchesPerLayer: number; limitMs: number | null };
  /** One run by family of kernels; `ms` and `share` (of all GPU time) are null without timestamps. */
  families?: Record<string, Family>;
  /** Derived from the counts, not measured (expected.ts). */
  expected?: Expected[];
  /** Shares of a device's peaks that `expected` takes kernels to reach, by family. */
  assumed?: Record<string, AssumedShare>;
  /** Median processor time of this process, all cores: less sensitive to what else the machine does. */
  cpuMs?: number;
  /** Against another case of the same run, from medians. `goal` is a bound: at least where more is better. */
  ratio?: Ratio;
  /** Where the time went, milliseconds by step. */
  parts?: Record<string, number>;
  /** Operations that the method's definition counts, by step (docs/methods.md, cost of a block), all blocks together. */
  operations?: Record<string, number>;
  error?: string;
  /** Another program on the same problem, in turns with ours: the row's own figures are ours. */
  peer?: PeerFigures;
}

export interface PeerFigures {
  name: string;
  version: string;
  medianMs: number | null;
  p10Ms?: number;
  p90Ms?: number;
  reps?: number;
  /** It ran on the processor, whatever adapter ours ran on. */
  processor?: boolean;
  /** Why it could not be timed. */
  error?: string;
  /** How it ran, where that is not how one would expect. */
  note?: string;
}

/** Measured peaks, which of them bounds this work, and the attainable time as a share of the measured one. */
export interface Roofline {
  peakGflops: number;
  peakGbps: number;
  bound: 'compute' | 'memory';
  share: number;
}

export interface Family {
  dispatches: number;
  flops: number;
  bytes: number;
  ms: number | null;
  share: number | null;
}

export interface AssumedShare {
  compute: number;
  memory: number;
}

/** A device that was not at hand, by its maker's figures and assumed overheads. */
export interface ExpectedDevice {
  name: string;
  /** Arithmetic in f32 without matrix units, and bandwidth of the memory. */
  tflops: number;
  gbps: number;
  /** Between two dispatches that depend on each other, and from a submit to its results on the host. */
  dispatchUs: number;
  roundTripMs: number;
}

/** Milliseconds that a device should take, what they are made of, and the largest part. */
export interface Expected {
  device: ExpectedDevice;
  ms: number;
  kernelsMs: number;
  dispatchMs: number;
  roundTripMs: number;
  most: string;
  bound: 'compute' | 'memory' | 'overhead';
}

export interface Ratio {
  to: string;
  value: number;
  /** The same from processor times. */
  cpu?: number;
  goal?: number;
  better?: 'more' | 'less';
  met?: boolean;
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

/** What a measurement of one variant gives; see measure.ts. */
export interface Samples {
  samplesMs: readonly number[];
  samplesCpuMs: readonly number[];
  samplesDeviceMs?: readonly number[];
  warmup: number;
}

export function makeRow(
  where: Pick<BenchRow, 'suite' | 'case' | 'device'>,
  { samplesMs: wall, samplesCpuMs, samplesDeviceMs = [], warmup }: Samples,
  work: Work = {},
): BenchRow {
  const onDevice = samplesDeviceMs.length > 0;
  const samplesMs = onDevice ? samplesDeviceMs : wall;
  const medianMs = percentile(samplesMs, 0.5);
  const perSecond = (amount: number | null | undefined): number | null =>
    amount ? amount / (medianMs * 1e6) : null;
  return {
    ...where,
    reps: samplesMs.length,
    warmup,
    medianMs,
    p10Ms: percentile(samplesMs, 0.1),
    p90Ms: percentile(samplesMs, 0.9),
    flops: work.flops ?? null,
    bytes: work.bytes ?? null,
    gflops: perSecond(work.flops),
    gbps: perSecond(work.bytes),
    clock: onDevice ? 'timestamp' : 'wall',
    ...(onDevice && { wallMs: percentile(wall, 0.5) }),
    ...(work.tokens ? { tokensPerSecond: (1000 * work.tokens) / medianMs } : {}),
    ...(samplesCpuMs.length > 0 ? { cpuMs: percentile(samplesCpuMs, 0.5) } : {}),
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

/** Medians of `a` over those of `b`, for `withRatio`. */
export function ratioOf(a: Samples, b: Samples): Pick<Ratio, 'value' | 'cpu'> {
  const over = (x: readonly number[], y: readonly number[]): number =>
    percentile(x, 0.5) / percentile(y, 0.5);
  const value = over(a.samplesMs, b.samplesMs);
  return a.samplesCpuMs.length > 0 ? { value, cpu: over(a.samplesCpuMs, b.samplesCpuMs) } : { value };
}

/** The row with its ratio to another figure, and whether the goal is met by the clock. */
export function withRatio(
  row: BenchRow,
  to: string,
  ratio: Pick<Ratio, 'value' | 'cpu'>,
  goal?: number,
  better: 'more' | 'less' = 'less',
): BenchRow {
  if (goal === undefined) return { ...row, ratio: { to, ...ratio } };
  const met = better === 'more' ? ratio.value >= goal : ratio.value <= goal;
  return { ...row, ratio: { to, ...ratio, goal, better, met } };
}

/** The row beside a peer's timing, or beside why there is none. The ratio is the peer's time to ours: above 1, ours is faster. */
export function withPeer(
  row: BenchRow,
  { name, version, processor, note }: Pick<PeerFigures, 'name' | 'version' | 'processor' | 'note'>,
  timing: Pick<Samples, 'samplesMs'> | { error: string },
  goal?: number,
): BenchRow {
  const who = { name, version, ...(processor ? { processor } : {}), ...(note ? { note } : {}) };
  if ('error' in timing) return { ...row, peer: { ...who, medianMs: null, error: timing.error } };
  const { samplesMs } = timing;
  const medianMs = percentile(samplesMs, 0.5);
  const beside = {
    ...row,
    peer: {
      ...who,
      medianMs,
      p10Ms: percentile(samplesMs, 0.1),
      p90Ms: percentile(samplesMs, 0.9),
      reps: samplesMs.length,
    },
  };
  return row.medianMs === null
    ? beside
    : withRatio(beside, 'our time', { value: medianMs / row.medianMs }, goal, 'more');
}
