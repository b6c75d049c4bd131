/** Times the candidates of trials, in turns, within a budget. */
import { isCancelled, LabError } from '../../core/errors';
import type { GpuContext } from '../../gpu/context';
import { Recorder } from '../../gpu/recorder';
import { Workspace } from '../workspace';
import { decide, LEAST_ROUNDS, median } from './table';
import type { Trial } from './trials';

export interface TuningOptions {
  /** Of measuring; what a first run takes, compilation above all, is not counted. */
  budgetMs: number;
  signal?: AbortSignal;
}

export interface TuningResult {
  key: string;
  prior: string;
  chosen: string;
  /** By candidate; empty where the budget ended before. */
  mediansMs: Record<string, number>;
}

const ROUNDS = 5;
/** A sample takes about this long, so that submitting and waiting do not count for much. */
const SAMPLE_MS = 2;
const MAX_REPEATS = 16;

/**
 * Decides every trial: candidates run in turns ROUNDS times, medians are compared, and what beats the prior must agree with
 * it in every element. Trials that the budget does not reach, or that fail, keep their prior.
 */
export async function measure(
  ctx: GpuContext,
  trials: readonly Trial[],
  { budgetMs, signal }: TuningOptions,
): Promise<TuningResult[]> {
  const results: TuningResult[] = [];
  let spentMs = 0;
  for (const trial of trials) {
    const kept: TuningResult = { key: trial.key, prior: trial.prior, chosen: trial.prior, mediansMs: {} };
    if (trial.candidates.length < 2 || spentMs >= budgetMs) {
      results.push(kept);
      continue;
    }
    const scope = ctx.root.child();
    const rec = new Recorder(ctx, { signal });
    try {
      const { run, read, tolerance } = trial.prepare({ ctx, scope }, new Workspace(scope));
      await scope.ready();
      const timed = async (name: string, repeats: number): Promise<number> => {
        const startMs = performance.now();
        for (let i = 0; i < repeats; i++) await run(rec, name);
        await rec.finish();
        const ms = performance.now() - startMs;
        spentMs += ms;
        return ms / repeats;
      };
      const samples: Record<string, number[]> = {};
      const repeats: Record<string, number> = {};
      for (const name of trial.candidates) {
        // The first run compiles.
        await run(rec, name);
        await rec.finish();
        const ms = await timed(name, 1);
        repeats[name] = Math.min(MAX_REPEATS, Math.max(1, Math.ceil(SAMPLE_MS / ms)));
        samples[name] = [];
      }
      for (let round = 0; round < ROUNDS && (spentMs < budgetMs || round < LEAST_ROUNDS); round++)
        for (const name of trial.candidates) samples[name]?.push(await timed(name, repeats[name] ?? 1));
      let chosen = decide(trial.prior, samples);
      if (chosen !== trial.prior) {
        await run(rec, trial.prior);
        const want = await read(rec);
        await run(rec, chosen);
        const got = await read(rec);
        // Not `> tolerance`: what is not a number agrees with nothing.
        if (!want.every((x, i) => Math.abs(x - (got[i] ?? NaN)) <= tolerance)) {
          ctx.disabled.add(`${trial.op}.${chosen}`);
          chosen = trial.prior;
        }
      }
      const mediansMs = Object.fromEntries(Object.entries(samples).map(([name, s]) => [name, median(s)]));
      results.push({ ...kept, chosen, mediansMs });
    } catch (cause) {
      ctx.throwIfLost();
      if (isCancelled(LabError.from(cause))) throw cause;
      // Too little memory, say: what nobody measured stays as it is.
      results.push(kept);
    } finally {
      rec.close();
      scope.close();
    }
  }
  return results;
}
