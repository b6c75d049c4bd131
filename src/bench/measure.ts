/**
 * Timing. Variants that are compared take turns in one process, so that heat, other programs and the clock's drift hit
 * all of them; medians are reported. A run is timed from its first recorded command until the device is idle.
 */
import { throwIfAborted } from '../core/errors';

export interface Variant {
  name: string;
  /** `call` counts all calls of the measurement. */
  run: (call: number) => Promise<unknown>;
  /** Several runs with one wait at their end, so that waiting does not count for each; default: `run` in turn. */
  runMany?: (repeats: number) => Promise<unknown>;
  /** Milliseconds that the device's own clock counted since the last call. */
  deviceMs?: () => Promise<number>;
}

export interface Timing {
  name: string;
  samplesMs: number[];
  /** Processor time of the same runs, where it can be had. */
  samplesCpuMs: number[];
  /** By the device's clock; empty where it was not asked. */
  samplesDeviceMs: number[];
  warmup: number;
}

export interface MeasureOptions {
  reps: number;
  signal?: AbortSignal;
  /** Short runs are repeated inside one sample until it takes this long; 0 never repeats. */
  sampleMs?: number;
  /** After warm-up, a variant this many times slower than the fastest is timed once and no more. */
  giveUpFactor?: number;
  /** Processor time of this process so far, all cores: on a software adapter that is the work itself. */
  cpuMs?: () => number;
}

const MAX_REPEATS = 200;
/** First calls compile and fill caches: two are not timed, or one where a run takes seconds. */
const LONG_RUN_MS = 2000;

export async function interleave(variants: readonly Variant[], options: MeasureOptions): Promise<Timing[]> {
  const { reps, signal, sampleMs = 0, giveUpFactor = Infinity, cpuMs } = options;
  let calls = 0;
  const time = async (v: Variant, repeats: number): Promise<number> => {
    throwIfAborted(signal);
    const startMs = performance.now();
    if (v.runMany && repeats > 1) await v.runMany(repeats);
    else for (let i = 0; i < repeats; i++) await v.run(calls++);
    return (performance.now() - startMs) / repeats;
  };
  const state: { variant: Variant; timing: Timing; repeats: number; warmMs: number }[] = [];
  for (const variant of variants) {
    let warmMs = await time(variant, 1);
    let warmup = 1;
    if (warmMs < LONG_RUN_MS) {
      warmMs = await time(variant, 1);
      warmup = 2;
    }
    await variant.deviceMs?.();
    const repeats =
      sampleMs > 0 ? Math.min(MAX_REPEATS, Math.max(1, Math.ceil(sampleMs / Math.max(warmMs, 1e-3)))) : 1;
    state.push({
      variant,
      timing: { name: variant.name, samplesMs: [], samplesCpuMs: [], samplesDeviceMs: [], warmup },
      repeats,
      warmMs,
    });
  }
  const bestMs = (s: (typeof state)[number]): number => Math.min(s.warmMs, ...s.timing.samplesMs);
  for (let rep = 0; rep < reps; rep++) {
    for (const s of state) {
      // Judged by the better of two calls: one alone may have been interrupted.
      if (rep > 0 && bestMs(s) > Math.min(...state.map(bestMs)) * giveUpFactor) continue;
      const beforeMs = cpuMs?.() ?? 0;
      s.timing.samplesMs.push(await time(s.variant, s.repeats));
      if (cpuMs) s.timing.samplesCpuMs.push((cpuMs() - beforeMs) / s.repeats);
      if (s.variant.deviceMs) s.timing.samplesDeviceMs.push((await s.variant.deviceMs()) / s.repeats);
    }
  }
  return state.map((s) => s.timing);
}
