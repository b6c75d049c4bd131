/** What the lab promises beyond numbers: nothing lost, nothing left, same bytes again, exact and preview apart. */
import { describe, expect, test } from 'vitest';
import { LabError } from '../core/errors';
import type { Recorder } from '../gpu/recorder';
import { DecodingSession } from '../models/generate';
import { readWeight } from '../pruning/readWeight';
import { fixtureJson, fixtureModel } from '../testing/fixtureFiles';
import { giveWindows, windowSpec, withLab, type LabFixture } from '../testing/labFixture';
import { TOLERANCE } from '../testing/tolerances';
import { packWindows } from '../models/windows';
import { windowOutputs } from './logits';
import { compareReplay } from './replay';
import { compareZeros } from './replayWeights';
import { untimed } from './sweep';

interface Texts {
  texts: { calibration: { windows: number[][] }; report: { windows: number[][] } };
}

/** The two-block model with short texts. */
async function small({ lab, io }: LabFixture, model = 'two-block', windows = 2): Promise<void> {
  const { texts } = await fixtureJson<Texts>(model === 'demo-model' ? 'demo' : model, 'pruning.json');
  giveWindows(lab, 'calibration', texts.calibration.windows.slice(0, windows));
  giveWindows(lab, 'select', texts.report.windows.slice(0, windows));
  giveWindows(lab, 'report', texts.report.windows.slice(0, windows));
  await lab.load(await fixtureModel(model), io);
}

async function maskWords(
  { lab, io }: LabFixture,
  change: Parameters<typeof windowSpec>[0],
): Promise<Uint32Array[]> {
  return lab.withRecorder(io, 'masks', async (rec, meter) => {
    const state = await lab.masks(windowSpec(change), 0, rec, meter);
    const out: Uint32Array[] = [];
    for (const { masks } of state.layers) {
      for (const mask of Object.values(masks))
        out.push(new Uint32Array(await rec.read(mask.buffer, 0, mask.rows * mask.wordsPerRow * 4)));
    }
    return out;
  });
}

describe('runs', () => {
  test('the same spec gives the same figures, bit for bit', () =>
    withLab(async (fixture) => {
      await small(fixture);
      const spec = windowSpec({ sparsity: 0.6, beta: 0.1 });
      const first = await fixture.lab.run(spec, 0.1, fixture.io);
      const second = await fixture.lab.run(spec, 0.1, fixture.io);
      expect(second.id).toBe(first.id);
      expect(second.errors).toEqual(first.errors);
      expect(second.perplexity).toEqual(first.perplexity);
      expect(second.sparsity).toEqual(first.sparsity);
      const one = await fixture.lab.sweep(spec, { kind: 'exact', betas: [0, 0.1] }, fixture.io);
      fixture.lab.setText('select', null);
      await small(fixture);
      const two = await fixture.lab.sweep(spec, { kind: 'exact', betas: [0, 0.1] }, fixture.io);
      expect(untimed(two)).toEqual(untimed(one));
      // What a point took stands beside the figures, where the same spec need not give the same.
      const { timings } = await fixture.lab.run(spec, 0.1, fixture.io, one);
      const { ms, ...work } = timings['sweep, beta 0.1'] ?? { ms: 0 };
      expect(work).toEqual(one.points[1]?.work);
      expect(ms).toBeGreaterThan(0);
      for (const stage of [work, timings['prune']]) {
        for (const key of ['dispatches', 'submits', 'readbacks', 'cpuStages', 'flops', 'bytes'] as const)
          expect(stage?.[key], key).toBeGreaterThan(0);
      }
    }));

  test('a sweep gives the errors of whichever of its two texts was asked for, and of no third', () =>
    withLab(async (fixture) => {
      const { lab, io } = fixture;
      await small(fixture);
      for (const [change, kind] of [
        [{ errorsOn: 'select' }, 'exact'],
        [{ errorsOn: 'select', stats: 'dense' }, 'preview'],
        [{ errorsOn: 'select', pruner: 'magnitude' }, 'exact'],
        [{ errorsOn: 'calibration' }, 'exact'],
      ] as const) {
        const spec = windowSpec({ sparsity: 0.6, ...change });
        const { points } = await lab.sweep(spec, { kind, betas: [0.1] }, io);
        const { errors } = await lab.run(spec, 0.1, io);
        for (const [i, row] of (errors?.layers ?? []).entries())
          expect(points[0]?.cumulative?.[i]).toBeCloseTo(row.cumulative ?? NaN, 3);
        const elsewhere = await lab.sweep(
          windowSpec({ sparsity: 0.6, ...change, errorsOn: 'calibration' }),
          { kind, betas: [0.1] },
          io,
        );
        expect(points[0]?.perplexity).toBe(elsewhere.points[0]?.perplexity);
      }
      const none = await lab.sweep(
        windowSpec({ sparsity: 0.6, errorsOn: 'report' }),
        { kind: 'exact', betas: [0.1] },
        io,
      );
      expect(none.points[0]?.cumulative).toBe(null);
    }));

  test('several seeds: each as a run of its own, the main one in front, the best by the mean', () =>
    withLab(async (fixture) => {
      const { lab, io, events } = fixture;
      await small(fixture);
      const { texts } = await fixtureJson<Texts>('two-block', 'pruning.json');
      const ids = texts.calibration.windows.flat();
      // Long enough to draw from: the draws of a seed are taken out of it.
      const draws = (seed: number): number[][] => [
        ids.slice(seed * 40, seed * 40 + 64),
        ids.slice(200 + seed, 264 + seed),
      ];
      const spec = windowSpec({ sparsity: 0.6, seeds: [1, 0] });
      // Windows given by hand are not drawn: the list decides nothing, and that is said.
      const curve = await lab.sweep(spec, { kind: 'exact', betas: [0] }, io);
      expect(curve.chosenBy).toBe('perplexity');
      expect(curve.points[0]?.bySeed).toBeUndefined();
      expect(events.some((e) => e.type === 'warning' && e.text.includes('calibration.json'))).toBe(true);
      const single = await lab.run(spec, 0, io);
      expect(single.perplexity.bySeed).toBeUndefined();
      expect(single.warnings.join()).toContain('seeds 1, 0 decide nothing');

      const resolve = lab.loaded.texts.resolve.bind(lab.loaded.texts);
      const drawn = windowSpec({
        sparsity: 0.6,
        seeds: [1, 0],
        texts: { ...spec.texts, calibration: 'a.txt' },
      });
      lab.setText('calibration', { name: 'a.txt', bytes: new Uint8Array() });
      lab.loaded.texts.resolve = async (given, which) => {
        if (which !== 'calibration') return resolve(given, which);
        const windows = packWindows(draws(given.seed));
        const record = { source: 'a.txt', sha256: `draw ${given.seed}`, windows: 2, window: 64, tokens: 128 };
        return { windows, record, warning: null };
      };
      const many = await lab.sweep(drawn, { kind: 'exact', betas: [0, 0.1] }, io);
      expect(many.chosenBy).toBe('mean');
      for (const point of many.points) {
        const of = (seed: number) =>
          lab.sweep({ ...drawn, seeds: undefined, seed }, { kind: 'exact', betas: [point.beta] }, io);
        for (const [i, seed] of [1, 0].entries()) {
          const alone = (await of(seed)).points[0];
          expect(point.bySeed?.[i]).toMatchObject({
            seed,
            calibration: `draw ${seed}`,
            perplexity: alone?.perplexity,
            kl: alone?.kl,
            topOne: alone?.topOne,
          });
        }
        expect(point.perplexity).toBe(point.bySeed?.[1]?.perplexity);
        const [a, b] = point.bySeed?.map((d) => d.perplexity ?? NaN) ?? [];
        expect(point.mean).toBeCloseTo(((a ?? NaN) + (b ?? NaN)) / 2, 9);
        expect([point.min, point.max]).toEqual([Math.min(a ?? NaN, b ?? NaN), Math.max(a ?? NaN, b ?? NaN)]);
      }
      const report = await lab.run(drawn, 0.1, io);
      const one = await lab.run({ ...drawn, seeds: undefined }, 0.1, io);
      expect(report.perplexity.pruned).toBe(one.perplexity.pruned);
      expect(report.errors).toEqual(one.errors);
      expect(report.masks).toEqual(one.masks);
      expect(report.perplexity.bySeed?.map((d) => d.perplexity)).toContain(one.perplexity.pruned);
      expect(report.id).not.toBe(one.id);
    }));

  test('a repeated run is told from the stored one by its masks, and the zeros give the exact share', () =>
    withLab(async (fixture) => {
      const { lab, io } = fixture;
      await small(fixture);
      const spec = windowSpec({ sparsity: 0.6 });
      const first = await lab.run(spec, 0, io);
      expect(Object.keys(first.masks ?? {})).toEqual(lab.loaded.plan.prunable.map((m) => m.name));
      // Of the selection on the other path, as another device would choose.
      const other = await lab.run({ ...spec, set: { select: 'gpu' } }, 0, io);
      expect(other.masks).toEqual(first.masks);
      // The dense weights as the "earlier export": every pruned weight is zero in one of the two only.
      const shares = await compareZeros(lab, spec, 0, lab.loaded.plan.opened.tensors, io);
      const zeros = first.sparsity?.matrices ?? {};
      for (const [name, { differing, count }] of Object.entries(shares)) {
        expect([name, differing]).toEqual([name, zeros[name]?.zeros]);
        expect(count).toBe(zeros[name]?.count);
      }
      const replay = compareReplay(
        { ...first, masks: { ...first.masks, [Object.keys(shares)[0] ?? '']: 'x' } },
        first,
        shares,
      );
      expect(replay).toMatchObject({ sameDevice: true, sameMasks: false, differingMatrices: 1 });
      expect(replay?.differing).toBeCloseTo(first.sparsity?.achieved ?? NaN, 12);
      await expect(compareZeros(lab, spec, 0, new Map(), io)).rejects.toThrow('not a matrix of this model');
    }));

  test('a drag from row orders, on the GPU and on the CPU: the same errors, two bytes a weight', () =>
    withLab(async (fixture) => {
      const { lab, io } = fixture;
      await small(fixture);
      const { ctx, loaded } = lab;
      const spec = windowSpec({ sparsity: 0.6, stats: 'dense' });
      const bySelect = async (select: string, beta: number): Promise<(number | null)[]> =>
        (await lab.tick({ ...spec, set: { select } }, beta, io)).layers.map((l) => l.cumulative);
      const first = await bySelect('cpu', 0.1);
      const before = ctx.ledger.bytes('cache');
      expect(await bySelect('gpu', 0.1)).toEqual(first);
      const weights = loaded.plan.prunable.reduce((sum, m) => sum + m.count, 0);
      expect(ctx.ledger.bytes('cache') - before).toBe(2 * weights);
      expect(ctx.pipelines.names).toContain('rankRows');
      // From here on masks come from the orders alone.
      ctx.disabled.add('selectRows.lane').add('selectRows.group');
      const second = await bySelect('gpu', 0.05);
      expect(second).toEqual(await bySelect('cpu', 0.05));
      expect(second).not.toEqual(first);
      expect(ctx.ledger.bytes('cache') - before).toBe(2 * weights);
    }));

  test('a report is used again only for the spec that it is of', () =>
    withLab(async (fixture) => {
      const { lab, io } = fixture;
      await small(fixture);
      const spec = windowSpec({ sparsity: 0.6 });
      const first = await lab.run(spec, 0.1, io);
      expect(await lab.reportFor(spec, 0.1, io)).toBe(first);
      // Same masks, same texts; another question.
      const other = await lab.reportFor({ ...spec, errorsOn: 'select' }, 0.1, io);
      expect(other.errors?.text).toBe('select');
      expect(other.id).not.toBe(first.id);
      expect(other.masks).toEqual(first.masks);
    }));

  test('sparsity 0 is the dense model to the bit, and weights are never written', () =>
    withLab(async (fixture) => {
      await small(fixture);
      const { lab, io } = fixture;
      const weights = (): Promise<Uint8Array[]> =>
        lab.withRecorder(io, 'read', async (rec) => {
          const out: Uint8Array[] = [];
          for (const layer of lab.loaded.engine.model.layers)
            for (const w of Object.values(layer.matrices)) out.push(await readWeight(rec, w));
          return out;
        });
      const before = await weights();
      for (const pruner of ['wanda', 'magnitude'])
        await lab.run(windowSpec({ pruner, sparsity: 0.9 }), 0, io);
      for (const pruner of ['wanda', 'magnitude']) {
        const report = await lab.run(windowSpec({ pruner, sparsity: 0 }), 0, io);
        expect(report.perplexity.pruned).toBe(report.perplexity.dense);
        expect([report.perplexity.kl, report.perplexity.topOne]).toEqual([0, 1]);
        expect(report.sparsity?.achieved).toBe(0);
        for (const row of report.errors?.layers ?? [])
          expect([row.local, row.inPlace, row.inherited, row.cumulative]).toEqual([0, 0, 0, 0]);
      }
      expect(await weights()).toEqual(before);
    }));

  test('exact and preview masks are not the same on the demo model', () =>
    withLab(async (fixture) => {
      await small(fixture, 'demo-model', 1);
      const exact = await maskWords(fixture, { stats: 'exact' });
      const preview = await maskWords(fixture, { stats: 'dense' });
      // The first layer's attention sees the same input either way; what comes behind pruned layers does not.
      const same = exact.map((words, i) => words.every((w, k) => w === preview[i]?.[k]));
      expect(same.slice(0, 3)).toEqual([true, true, true]);
      expect(same.slice(7).filter((s) => s).length).toBeLessThan(same.length / 4);
    }));

  test('works at default limits and without subgroups', () =>
    withLab(
      async (fixture) => {
        await small(fixture);
        const report = await fixture.lab.run(windowSpec({}), 0, fixture.io);
        expect(report.perplexity.pruned).toBeGreaterThan(report.perplexity.dense ?? Infinity);
      },
      { defaultLimits: true, without: ['subgroups', 'shader-f16'] },
    ));

  test('errors come layer by layer while the run goes on', () =>
    withLab(async (fixture) => {
      await small(fixture);
      fixture.events.length = 0;
      const report = await fixture.lab.run(windowSpec({}), 0, fixture.io);
      const rows = fixture.events.flatMap((e) => (e.type === 'layers' ? [e] : []));
      expect(rows.map((r) => r.from)).toEqual([0, 1]);
      expect(rows.flatMap((r) => r.rows)).toEqual(report.errors?.layers);
      const last = fixture.events.filter((e) => e.type === 'progress').pop();
      expect(last?.type === 'progress' && last.done).toBeGreaterThan(0.99);
    }));
});

describe('interruption', () => {
  test('cancel ends a sweep, keeps its points and returns its memory', () =>
    withLab(async (fixture) => {
      await small(fixture);
      const { lab } = fixture;
      await lab.run(windowSpec({}), 0, fixture.io);
      const before = lab.memory().total;
      const abort = new AbortController();
      let points = 0;
      const io = {
        job: 2,
        signal: abort.signal,
        emit: (event: { type: string }) => {
          if (event.type === 'point' && ++points === 2) abort.abort();
        },
      };
      const betas = [0, 0.1, 0.2, 0.3];
      await expect(lab.sweep(windowSpec({}), { kind: 'exact', betas }, io)).rejects.toThrow('Cancelled');
      expect(lab.memory().total).toBe(before);
      points = 0;
      const curve = await lab.sweep(windowSpec({}), { kind: 'exact', betas }, fixture.io);
      expect(curve.points).toHaveLength(4);
    }));

  test('a lost device is one error, and a new device runs the same spec to the same figures', async () => {
    let first: unknown;
    await withLab(async (fixture) => {
      await small(fixture);
      first = (await fixture.lab.run(windowSpec({}), 0, fixture.io)).errors;
    });
    await withLab(async (fixture) => {
      await small(fixture);
      const { lab, io } = fixture;
      const running = lab.run(windowSpec({ sparsity: 0.5 }), 0, io);
      lab.ctx.device.destroy();
      let kind = '';
      try {
        await running;
      } catch (error) {
        kind = LabError.from(error).kind;
      }
      expect(kind).toBe('DeviceLostError');
      lab.ctx.errors.length = 0;
    }, {});
    await withLab(async (fixture) => {
      await small(fixture);
      expect((await fixture.lab.run(windowSpec({}), 0, fixture.io)).errors).toEqual(first);
    });
  });
});

describe('decoding', () => {
  for (const model of ['two-block', 'awkward', 'gqa-f16']) {
    test(`${model}: from the cache as from the whole text`, () =>
      withLab(async ({ lab, io }) => {
        await lab.load(await fixtureModel(model), io);
        const { engine, plan } = lab.loaded;
        const { vocabulary, context } = plan.config;
        const ids = Uint32Array.from({ length: Math.min(21, context) }, (_, i) => (i * 37 + 11) % vocabulary);
        await lab.withRecorder(io, 'decode', async (rec: Recorder) => {
          const whole = new Float32Array(ids.length * vocabulary);
          await windowOutputs(rec, engine, ids, {
            logits: (begin, values) => whole.set(values, begin * vocabulary),
          });
          const mean = whole.reduce((a, b) => a + b, 0) / whole.length;
          const spread = Math.sqrt(whole.reduce((a, b) => a + (b - mean) ** 2, 0) / whole.length);
          const scope = lab.ctx.root.child();
          try {
            const session = new DecodingSession(rec, scope, engine.decoder, 5, ids.length);
            const view = (layer: number) => engine.decoder.dense(layer);
            let logits = await session.feed(ids.slice(0, 5), view);
            for (let at = 5; at <= ids.length; at++) {
              const expected = whole.subarray((at - 1) * vocabulary, at * vocabulary);
              const worst = expected.reduce((m, v, i) => Math.max(m, Math.abs(v - (logits[i] as number))), 0);
              expect(worst / spread).toBeLessThan(TOLERANCE.logits);
              if (at < ids.length) logits = await session.feed(ids.slice(at, at + 1), view);
            }
          } finally {
            scope.close();
          }
        });
      }));
  }
});
