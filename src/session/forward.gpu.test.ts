/** The dense model block by block against transformers (fixtures made by scripts/fixtures/make_models.py). */
import { describe, expect, test } from 'vitest';
import { windowOutputs } from './logits';
import { ARCHITECTURES } from '../models/archs';
import { DecodingSession } from '../models/generate';
import {
  f32,
  fixtureBytes,
  fixtureModel,
  FORWARD_FIXTURES,
  fixtureTensors,
  i32,
} from '../testing/fixtureFiles';
import { withLab } from '../testing/labFixture';
import { TOLERANCE } from '../testing/tolerances';

function spreadOf(values: Float32Array): number {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length);
}

function worst(actual: Float32Array, expected: Float32Array): number {
  return actual.reduce((m, v, i) => Math.max(m, Math.abs(v - (expected[i] as number))), 0);
}

describe('forward equals transformers', () => {
  for (const name of FORWARD_FIXTURES) {
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

describe('cached decoding equals the whole pass', () => {
  for (const name of FORWARD_FIXTURES.filter((n) => n !== 'demo')) {
    test(name, () =>
      withLab(async ({ lab, io }) => {
        const expected = await fixtureTensors(name, 'expected.safetensors');
        await lab.load(await fixtureModel(name), io);
        const { engine, plan } = lab.loaded;
        const { vocabulary } = plan.config;
        const [, whole = 0] = expected.get('ids')?.shape ?? [];
        const length = Math.min(whole, plan.config.cachedContext);
        const ids = Uint32Array.from(i32(expected.get('ids')).subarray(0, length));
        let logits = f32(expected.get('logits')).subarray(0, length * vocabulary);
        const spread = spreadOf(logits);
        const begin = Math.ceil(length / 2);
        await lab.withRecorder(io, 'decoding', async (rec) => {
          if (length < whole) {
            // Frequencies that depend on the length: what counts is the whole pass of this many tokens.
            const short = new Float32Array(length * vocabulary);
            await windowOutputs(rec, engine, ids.subarray(0, length), {
              logits: (from, values) => short.set(values, from * vocabulary),
            });
            logits = short;
          }
          const scope = lab.ctx.root.child();
          try {
            engine.decoder.ensurePositions(length);
            const session = new DecodingSession(rec, scope, engine.decoder, begin, length);
            await session.ready();
            for (let at = 0; at < length;) {
              const next = at === 0 ? begin : at + 1;
              const row = await session.feed(ids.subarray(at, next), (layer) => engine.decoder.dense(layer));
              at = next;
              const want = logits.subarray((at - 1) * vocabulary, at * vocabulary);
              expect([at, worst(row, want) / spread < TOLERANCE.logits]).toEqual([at, true]);
            }
          } finally {
            scope.close();
          }
        });
      }),
    );
  }
});

test('every architecture has a fixture', async () => {
  const types = await Promise.all(
    FORWARD_FIXTURES.filter((n) => n !== 'demo').map(async (name) => {
      const config: unknown = JSON.parse(new TextDecoder().decode(await fixtureBytes(name, 'config.json')));
      return (config as { model_type: string }).model_type;
    }),
  );
  expect(ARCHITECTURES.map((a) => a.modelType).filter((type) => !types.includes(type))).toEqual([]);
});
