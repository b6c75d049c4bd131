/** What the device gives at best, by kernels of our own, and whether its timestamps can be believed. */
import { Recorder } from '../gpu/recorder';
import { copy } from '../ops/copy';
import { PEAK_VARIANTS, peakFlops, peakFma, type PeakVariant } from '../ops/peakFma';
import { copyBytes } from '../session/speed/timing';
import { turns, type BenchEnv } from './env';
import { interleave, type Timing, type Variant } from './measure';
import { hasTimestamps, Profile, totalMs } from './profile';
import type { Peaks } from './roofline';
import { makeRow, percentile, type BenchRow } from './row';

export interface MeasuredPeaks extends Peaks {
  /** What kernels are timed by from here on. */
  clock: 'timestamp' | 'wall';
  rows: BenchRow[];
}

/** Lanes that fill the device several times over. */
const LANES = { software: 16_384, hardware: 1 << 20 };
/** The loop is made longer until a run takes this long. */
const RUN_MS = 20;
const MOST_TRIPS = 1 << 16;

/** Timestamps are believed where they see most of what the clock sees, and no more than it. */
export function timestampsAgree(wallMs: readonly number[], deviceMs: readonly number[]): boolean {
  const shares = deviceMs.map((ms, i) => ms / (wallMs[i] ?? NaN));
  const middle = percentile(shares, 0.5);
  return deviceMs.length > 0 && middle > 0.5 && middle <= 1.05 && shares.every((s) => s > 0);
}

export async function measurePeaks(env: BenchEnv): Promise<MeasuredPeaks> {
  const { ctx } = env.lab;
  const { software } = ctx.record;
  const scope = ctx.root.child();
  const profile = hasTimestamps(ctx) ? new Profile(ctx) : undefined;
  const rec = new Recorder(ctx, { signal: env.io.signal, probe: profile });
  const run = async (record: () => Promise<void>): Promise<number> => {
    const startMs = performance.now();
    await record();
    await rec.finish();
    return performance.now() - startMs;
  };
  const deviceMs = profile && (async () => totalMs(await profile.take()));
  const variant = (name: string, record: () => Promise<void>): Variant => ({
    name,
    run: () => run(record),
    ...(deviceMs && { deviceMs }),
  });
  const measure = (variants: readonly Variant[]): Promise<Timing[]> =>
    interleave(variants, { reps: env.quick ? 3 : 9, ...turns(env) });
  try {
    const lanes = software ? LANES.software : LANES.hardware;
    const bytes = copyBytes(ctx);
    const out = scope.alloc(4 * lanes, 'scratch', 'peak');
    const from = scope.alloc(bytes, 'scratch', 'copy from');
    const to = scope.alloc(bytes, 'scratch', 'copy to');
    await scope.ready();
    const fma = (kind: PeakVariant, trips: number): Promise<void> =>
      peakFma(rec, out, { lanes, trips, variant: kind });
    let trips = 16;
    await run(() => fma('plain', trips));
    while (trips < MOST_TRIPS && (await run(() => fma('plain', trips))) < RUN_MS) trips *= 2;
    const timings = await measure(PEAK_VARIANTS.map((kind) => variant(kind, () => fma(kind, trips))));
    const copied = await measure([variant('copy', () => copy(rec, from, to, bytes))]);
    const all = [...timings, ...copied];
    const believed = all.every((t) => timestampsAgree(t.samplesMs, t.samplesDeviceMs));
    const clock = believed ? 'timestamp' : 'wall';
    env.note(
      believed
        ? 'Kernels are timed by the device’s timestamps.'
        : profile
          ? 'This device’s timestamps do not agree with the clock: kernels are timed by the clock.'
          : 'This device has no timestamps: kernels are timed by the clock.',
    );
    const rowOf = (name: string, t: Timing, work: { flops?: number; bytes?: number }): BenchRow =>
      makeRow({ suite: 'kernels', case: name, device: env.device }, believed ? t : { ...t, samplesDeviceMs: [] }, work); // prettier-ignore
    const peaks = timings.map((t) => rowOf('peak f32', t, { flops: peakFlops(lanes, trips) }));
    const compute = peaks.reduce((a, b) => ((b.gflops ?? 0) > (a.gflops ?? 0) ? b : a));
    const memory = copied.map((t) => rowOf('peak copy', t, { bytes: 2 * bytes }));
    return {
      gflops: compute.gflops ?? NaN,
      gbps: memory[0]?.gbps ?? NaN,
      clock,
      rows: [compute, ...memory],
    };
  } finally {
    rec.close();
    profile?.close();
    scope.close();
  }
}
