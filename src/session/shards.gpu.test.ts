/** Tensors larger than a binding: the same model cut into many buffers gives the same bits, dense and pruned. */
import { describe, expect, test } from 'vitest';
import type { LayerErrors } from '../core/report';
import { defaultSpec } from '../core/spec';
import { openModel } from '../formats/hfModel';
import { Recorder } from '../gpu/recorder';
import { Engine, type EngineLimits } from './engine';
import { windowOutputs } from './logits';
import { planRun, ratesFor } from './plan';
import type { ResolvedText } from './texts';
import { fixtureModel } from '../testing/fixtureFiles';
import { runOnGpu } from '../testing/gpuFixture';
import { planModel } from '../models/inspect';
import { loadModel } from '../models/load';
import { packWindows } from '../models/windows';

const WINDOW = Array.from({ length: 19 }, (_, i) => (i * 29 + 3) % 97);

describe('a model in pieces', () => {
  for (const [model, shardBytes] of [
    ['two-block', 5000],
    ['awkward', 700],
    ['bias-bf16', 600],
  ] as const) {
    test(`${model} in buffers of ${shardBytes} bytes`, () =>
      runOnGpu(async ({ ctx }) => {
        const plan = planModel(await openModel(await fixtureModel(model)));
        const measure = async (
          limit?: number,
        ): Promise<{ shards: number; logits: number[]; losses: number[] | null; zeros: unknown }> => {
          const engine = new Engine(ctx, await loadModel(ctx, plan, { shardBytes: limit }));
          const rec = new Recorder(ctx);
          try {
            const logits: number[] = [];
            await windowOutputs(rec, engine, Uint32Array.from(WINDOW), {
              logits: (_, values) => void logits.push(...values),
            });
            const windows = packWindows([WINDOW]);
            const text: ResolvedText = {
              windows,
              warning: null,
              record: {
                source: 'test',
                sha256: 'test',
                windows: 1,
                window: WINDOW.length,
                tokens: WINDOW.length,
              },
            };
            const run = planRun(plan, defaultSpec());
            const meter = { total: () => undefined, add: () => undefined };
            const job = {
              plan: run,
              rates: ratesFor(plan, run, 0).rates,
              statistics: 'exact' as const,
              calibration: text,
              evaluate: text,
              keepAs: 'test',
            };
            const pruned = await engine.prune(rec, job, meter);
            return {
              shards: engine.model.embedding.shards.length,
              logits,
              losses: pruned.windowLosses,
              zeros: pruned.zeros,
            };
          } finally {
            rec.close();
            engine.close();
          }
        };
        const whole = await measure();
        const pieces = await measure(shardBytes);
        expect(whole.shards).toBe(1);
        expect(pieces.shards).toBeGreaterThan(3);
        expect(pieces.logits).toEqual(whole.logits);
        expect(pieces.losses).toEqual(whole.losses);
        expect(pieces.zeros).toEqual(whole.zeros);
      }));
  }
});

/** Rounds sums to six digits: their partial sums are cut at batches. */
const rounded = (rows: LayerErrors[]): unknown =>
  rows.map((row) => Object.values(row).map((x) => (x as number).toPrecision(6)));

test('batches of other sizes change no mask and no loss; dense outputs kept on the host change no bit', () =>
  runOnGpu(async ({ ctx }) => {
    const plan = planModel(await openModel(await fixtureModel('two-block')));
    const windows = packWindows(
      [0, 1, 2].map((k) => Array.from({ length: 64 }, (_, i) => (i * 29 + k * 101) % 512)),
    );
    const text: ResolvedText = {
      windows,
      warning: null,
      record: { source: 'test', sha256: 'three', windows: 3, window: 64, tokens: 192 },
    };
    const other: ResolvedText = {
      ...text,
      windows: packWindows([Array.from({ length: 64 }, (_, i) => (i * 7) % 512)]),
      record: { ...text.record, sha256: 'one', windows: 1, tokens: 64 },
    };
    const measure = async (
      limits: EngineLimits,
      errorsOn: ResolvedText,
    ): Promise<{ errors: LayerErrors[]; losses: unknown; divergence: unknown }> => {
      const engine = new Engine(ctx, await loadModel(ctx, plan), limits);
      const rec = new Recorder(ctx);
      try {
        const run = planRun(plan, defaultSpec());
        const meter = { total: () => undefined, add: () => undefined };
        const job = {
          plan: run,
          rates: ratesFor(plan, run, 0.1).rates,
          calibration: text,
          evaluate: other,
          errors: { text: errorsOn, kind: 'full' as const },
        };
        const exact = await engine.prune(rec, { ...job, statistics: 'exact' }, meter);
        const dense = await engine.prune(rec, { ...job, statistics: 'dense' }, meter);
        return {
          errors: [...exact.errors, ...dense.errors],
          losses: [exact.windowLosses, dense.windowLosses],
          divergence: [exact.divergence, dense.divergence],
        };
      } finally {
        rec.close();
        engine.close();
      }
    };
    for (const errorsOn of [text, other]) {
      const usual = await measure({}, errorsOn);
      const batched = await measure({ batchTokens: 64 }, errorsOn);
      expect(batched.losses).toEqual(usual.losses);
      expect(rounded(batched.errors)).toEqual(rounded(usual.errors));
      expect(batched.divergence).toEqual(usual.divergence);
      expect(await measure({ denseStreamBytes: 0 }, errorsOn)).toEqual(usual);
      expect(await measure({ keptHostBytes: 0 }, errorsOn)).toEqual(usual);
    }
  }));
