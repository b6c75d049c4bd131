/** Statistics of a real model's inputs against the definitions, applied in f64 to the inputs themselves. */
import { describe, expect, test } from 'vitest';
import type { Recorder } from '../gpu/recorder';
import type { Scope } from '../gpu/scope';
import { columnEnergyRef } from '../ops/columnEnergy.ref';
import { momentsRef } from '../ops/columnMoments.ref';
import { gramRef } from '../ops/gram.ref';
import { expectClose } from '../testing/compare';
import { f32, fixtureModel, fixtureTensors } from '../testing/fixtureFiles';
import { withLab } from '../testing/labFixture';
import { TOLERANCE } from '../testing/tolerances';
import { inputsOf } from './archs/define';
import { allocWorkspace, type Decoder, type Workspace } from './decoder';
import { InputStatistics, type LayerStatistics, type WantedStatistics } from './inputStatistics';
import { DenseStream, gpuText, type GpuText } from './streams';
import { packWindows } from './windows';

const ALL: WantedStatistics = { norm: true, gram: true, moments: true };
/** The windows of scripts/fixtures/make_statistics.py. Ragged: chunks of 64 end inside every sequence, and three batches follow one another. */
const LENGTHS = [70, 70, 70, 33];
const MAX_TOKENS = 140;
const LAYER = 1;

interface Rig {
  rec: Recorder;
  scope: Scope;
  decoder: Decoder;
  text: GpuText;
  ws: Workspace;
}

function withModel(body: (rig: Rig) => Promise<void>): Promise<void> {
  return withLab(async ({ lab, io }) => {
    await lab.load(await fixtureModel('two-block'), io);
    const { decoder } = lab.loaded.engine;
    await lab.withRecorder(io, 'statistics', async (rec) => {
      const scope = lab.ctx.root.child();
      try {
        const ids = LENGTHS.map((n, w) =>
          Array.from({ length: n }, (_, i) => (i * 7 + w * 13 + ((i * i) % 5)) % decoder.config.vocabulary),
        );
        const text = gpuText(rec, scope, packWindows(ids), MAX_TOKENS);
        decoder.ensurePositions(text.longest);
        await body({ rec, scope, decoder, text, ws: allocWorkspace(scope, decoder.config, text.largest) });
        await rec.finish();
      } finally {
        scope.close();
      }
    });
  });
}

/** Every input of a dense layer, all tokens in order. */
async function inputsOfLayer({ rec, scope, decoder, text, ws }: Rig): Promise<Map<string, Float32Array>> {
  const stream = new DenseStream(decoder, scope, text);
  await stream.ensure(rec, ws, LAYER - 1);
  const out = new Map(
    inputsOf(decoder.config).map(({ name, width }) => [name, new Float32Array(text.windows.tokens * width)]),
  );
  for (const batch of text.batches) {
    stream.load(rec, LAYER - 1, batch, ws.x);
    await decoder.block(rec, ws, {
      layer: LAYER,
      sequences: batch.sequences,
      length: batch.length,
      matrix: decoder.dense(LAYER),
      onInput: async (name, x) => {
        out.get(name)?.set(await rec.readF32(x.buffer, x.rows * x.cols), batch.rowBegin * x.cols);
      },
    });
  }
  return out;
}

function expectRight(found: LayerStatistics, inputs: Map<string, Float32Array>): void {
  const tokens = LENGTHS.reduce((a, b) => a + b, 0);
  expect(Object.keys(found)).toEqual([...inputs.keys()]);
  for (const [name, x] of inputs) {
    const cols = x.length / tokens;
    const { norms, gram, mean, variance } = found[name] ?? {};
    const energy = columnEnergyRef(x, cols, tokens).map((e) => Math.sqrt(e / LENGTHS.length));
    // The root halves the relative error of the chunks; then f32.
    expectClose(norms ?? [], energy, (_, v) => TOLERANCE.columnEnergy(64, v), `${name} norms`);
    const g = gramRef(x, cols);
    const bound = g.magnitudes.map((m) => TOLERANCE.gram(tokens, 3, m));
    expectClose(gram ?? [], g.values, bound, `${name} gram`);
    const m = momentsRef(x, cols, LENGTHS);
    // f32 sums of at most 64 values each, of this mean size: far inside 64 of their roundings.
    const size = energy.map((e) => Math.sqrt((e * e * LENGTHS.length) / tokens));
    expectClose(mean ?? [], m.mean, (i) => TOLERANCE.columnEnergy(64, (Number(size[i]) * tokens) / LENGTHS.length), `${name} mean`); // prettier-ignore
    expectClose(variance ?? [], m.variance, (i) => TOLERANCE.columnEnergy(64, Number(size[i]) ** 2), `${name} variance`); // prettier-ignore
  }
}

describe('input statistics', () => {
  test('of a dense layer, by definition; one collector serves several texts and layers in turn', () =>
    withModel(async (rig) => {
      const { rec, scope, decoder, text, ws } = rig;
      const inputs = await inputsOfLayer(rig);
      const stream = new DenseStream(decoder, scope, text);
      let tokens = 0;
      const found = await stream.denseStatistics(rec, ws, LAYER, ALL, (n) => (tokens += n));
      expectRight(found, inputs);
      // Two layers were run, one of them to have its output.
      expect([stream.filled, tokens]).toEqual([LAYER - 1, text.windows.tokens * (LAYER + 1)]);

      // Collected once more behind another layer's numbers, the bytes are the same.
      const collect = new InputStatistics(scope, decoder.config, text, ALL);
      const twice: LayerStatistics[] = [];
      for (const layer of [0, LAYER]) {
        for (const batch of text.batches) {
          stream.load(rec, layer - 1, batch, ws.x);
          await decoder.block(rec, ws, {
            layer,
            sequences: batch.sequences,
            length: batch.length,
            matrix: decoder.dense(layer),
            onInput: collect.hook(rec, text, batch),
          });
        }
        twice.push(await collect.read(rec));
      }
      expect(twice[1]).toEqual(found);
      expect(twice[0]).not.toEqual(found);

      // The norms are those that a stream keeps anyway.
      await stream.ensure(rec, ws, LAYER);
      for (const [name, { norms }] of Object.entries(found))
        expect(norms).toEqual(stream.norms[LAYER]?.[name]);
    }));

  test('of a dense layer, as PyTorch has them', () =>
    withModel(async ({ rec, scope, decoder, text, ws }) => {
      const want = await fixtureTensors('two-block', 'statistics.safetensors');
      const found = await new DenseStream(decoder, scope, text).denseStatistics(rec, ws, LAYER, ALL);
      const tokens = text.windows.tokens;
      for (const [name, { gram, mean, variance }] of Object.entries(found)) {
        const expected = f32(want.get(`${name}.gram`));
        const cols = Math.sqrt(expected.length);
        // Size of a channel. Inputs behind a block err like logits: so much of their size, and products twice that.
        const size = Array.from({ length: cols }, (_, c) =>
          Math.sqrt(Number(expected[c * (cols + 1)]) / tokens),
        );
        const of = (c: number): number => Number(size[c]);
        expectClose(gram ?? [], expected, (i) => 2 * TOLERANCE.logits * tokens * of(i % cols) * of(Math.floor(i / cols)), `${name} gram`); // prettier-ignore
        expectClose(mean ?? [], f32(want.get(`${name}.mean`)), (c) => (TOLERANCE.logits * of(c) * tokens) / LENGTHS.length, `${name} mean`); // prettier-ignore
        expectClose(variance ?? [], f32(want.get(`${name}.variance`)), (c) => 2 * TOLERANCE.logits * of(c) ** 2, `${name} variance`); // prettier-ignore
      }
      expect(want.size).toBe(3 * Object.keys(found).length);
    }));

  test('only what is wanted is measured, and no more memory is taken than predicted', () =>
    withModel(async ({ rec, scope, decoder, text, ws }) => {
      const stream = new DenseStream(decoder, scope, text);
      for (const [wanted, keys] of [
        [{ norm: true, gram: false, moments: false }, ['norms']],
        [{ norm: false, gram: true, moments: false }, ['gram']],
        [{ norm: false, gram: false, moments: true }, ['mean', 'variance']],
        [ALL, ['norms', 'mean', 'variance', 'gram']],
      ] as const) {
        await stream.ensure(rec, ws, LAYER - 1);
        const { ledger } = decoder.ctx;
        ledger.resetPeak();
        const before = ledger.total;
        const found = await stream.denseStatistics(rec, ws, LAYER, wanted);
        for (const statistic of Object.values(found)) expect(Object.keys(statistic)).toEqual(keys);
        expect(ledger.total).toBe(before);
        const { held, collecting, reading } = InputStatistics.bytes(decoder.config, text.batches, wanted);
        const predicted = held + collecting + reading;
        // Attention may have grown its scratch, and buffers round up to 16 bytes.
        expect(ledger.peak - before).toBeLessThanOrEqual(predicted + 4096);
        expect(ledger.peak - before).toBeGreaterThan(predicted / 2);
      }
    }));
});
