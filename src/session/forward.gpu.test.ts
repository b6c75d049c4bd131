/** The dense model block by block against transformers (fixtures made by scripts/fixtures/make_models.py). */
import { describe, expect, test } from 'vitest';
import { windowOutputs } from './logits';
import { f32, fixtureModel, fixtureTensors, i32 } from '../testing/fixtureFiles';
import { withLab } from '../testing/labFixture';
import { TOLERANCE } from '../testing/tolerances';

const CASES = [
  'two-block',
  'gqa-f16',
  'bias-bf16',
  'mistral',
  'sharded-f16',
  'awkward',
  'deep',
  'rope-llama3',
  'demo',
];

function spreadOf(values: Float32Array): number {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length);
}

function worst(actual: Float32Array, expected: Float32Array): number {
  return actual.reduce((m, v, i) => Math.max(m, Math.abs(v - (expected[i] as number))), 0);
}

describe('forward equals transformers', () => {
  for (const name of CASES) {
    test(name, () =>
      withLab(async ({ lab, io }) => {
        const expected = await fixtureTensors(name, 'expected.safetensors');
        await lab.load(await fixtureModel(name === 'demo' ? 'demo-model' : name), io);
        const { engine, plan } = lab.loaded;
        const { hidden, layers, vocabulary } = plan.config;
        const ids = i32(expected.get('ids'));
        const [windows = 1, length = ids.length] = expected.get('ids')?.shape ?? [];
        const logits = f32(expected.get('logits'));
        const spread = spreadOf(logits);
        await lab.withRecorder(io, 'forward', async (rec) => {
          for (let w = 0; w < windows; w++) {
            const seen: number[] = [];
            await windowOutputs(rec, engine, Uint32Array.from(ids.subarray(w * length, (w + 1) * length)), {
              layer(layer, values) {
                seen.push(layer);
                const all = f32(expected.get(`layer.${layer}`));
                expect(
                  worst(values, all.subarray(w * length * hidden, (w + 1) * length * hidden)) / spreadOf(all),
                ).toBeLessThan(TOLERANCE.logits);
              },
              logits(begin, values) {
                const at = (w * length + begin) * vocabulary;
                expect(worst(values, logits.subarray(at, at + values.length)) / spread).toBeLessThan(
                  TOLERANCE.logits,
                );
              },
            });
            expect(seen).toEqual(Array.from({ length: layers }, (_, i) => i));
          }
        });
      }),
    );
  }
});
