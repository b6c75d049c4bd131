/** Tensors larger than a binding: the same model cut into many buffers gives the same bits, dense and pruned. */
import { describe, expect, test } from 'vitest';
import { defaultSpec } from '../core/spec';
import { openModel } from '../formats/hfModel';
import { Recorder } from '../gpu/recorder';
import { Engine } from './engine';
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
        const measure = async (limit?: number): Promise<{ shards: number; logits: number[]; losses: number[] | null; zeros: unknown }> => {
          const engine = new Engine(ctx, await loadModel(ctx, plan, { shardBytes: limit }));
          const rec = new Recorder(ctx);
          try {
            const logits: number[] = [];
            await windowOutputs(rec, engine, Uint32Array.from(WINDOW), { logits: (_, values) => void logits.push(...values) });
            const windows = packWindows([WINDOW]);
            const text: ResolvedText = { windows, warning: null, record: { source: 'test', sha256: 'test', windows: 1, window: WINDOW.length, tokens: WINDOW.length } };
            const run = planRun(plan, defaultSpec());
            const meter = { total: () => undefined, add: () => undefined };
            const job = { plan: run, rates: ratesFor(plan, run, 0).rates, statistics: 'exact' as const, calibration: text, evaluate: text, keepAs: 'test' };
            const pruned = await engine.prune(rec, job, meter);
            return { shards: engine.model.embedding.shards.length, logits, losses: pruned.windowLosses, zeros: pruned.zeros };
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
