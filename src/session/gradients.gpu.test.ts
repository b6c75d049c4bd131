/** Gradients against PyTorch's autograd in f64 (src/testing/fixtures/gradients, made by scripts/fixtures). */
import { describe, expect, test } from 'vitest';
import { Recorder } from '../gpu/recorder';
import { fixtureJson, fixtureModel } from '../testing/fixtureFiles';
import { giveWindows, windowSpec, withLab } from '../testing/labFixture';
import { TOLERANCE } from '../testing/tolerances';
import type { Meter } from './engine';
import { gradients, gradientUnits, type GradientKind, type Gradients } from './gradients';
import type { Lab } from './lab';

interface Figures {
  norm: number;
  /** Sum of g[i] * cos(i). */
  cosine: number;
  at: number[];
  values: number[];
}

interface Case {
  windows: number[][];
  losses: number[];
  tensors: Record<string, { shape: [number, number]; sum: Figures; squared: Figures }>;
}

const all = await fixtureJson<Record<string, Case>>('gradients', 'expected.json');
const KINDS: GradientKind[] = ['squared', 'sum'];
const unheard: Meter = { total: () => undefined, add: () => undefined };

async function measure(
  lab: Lab,
  kind: GradientKind,
  meter = unheard,
  signal?: AbortSignal,
  hostBytes?: number,
): Promise<Gradients> {
  const { calibration } = await lab.texts(windowSpec({}), ['calibration']);
  if (!calibration) throw new Error('the text was not given');
  const rec = new Recorder(lab.ctx, { signal });
  try {
    return await gradients(lab.loaded.engine, rec, calibration, kind, meter, hostBytes);
  } finally {
    rec.close();
  }
}

/** Largest distance from the reference, in units of the matrix's own size. */
async function furthest(lab: Lab, found: Gradients, kind: GradientKind, expected: Case): Promise<number> {
  let worst = 0;
  for (const { name } of lab.loaded.engine.model.plan.prunable) {
    // Files may leave out the prefix that transformers puts before names.
    const full = Object.keys(expected.tensors).find((x) => x === name || x.endsWith(`.${name}`));
    const reference = expected.tensors[full ?? ''];
    if (!reference) throw new Error(`${name} is not among the expected gradients`);
    const { norm, cosine, at, values } = reference[kind];
    const g = await found.of(name);
    const count = reference.shape[0] * reference.shape[1];
    expect([name, g.length]).toEqual([name, count]);
    const size = norm / Math.sqrt(count);
    at.forEach((i, n) => (worst = Math.max(worst, Math.abs((g[i] ?? NaN) - (values[n] ?? NaN)) / size)));
    let [squares, along] = [0, 0];
    g.forEach((value, i) => {
      squares += value * value;
      along += value * Math.cos(i);
    });
    // An error as large as `worst` in every entry moves the sum by up to norm * sqrt(count / 2).
    worst = Math.max(worst, Math.abs(along - cosine) / (norm * Math.sqrt(count / 2)));
    worst = Math.max(worst, Math.abs(Math.sqrt(squares) - norm) / norm);
  }
  return worst;
}

describe('gradients equal those of autograd', () => {
  test.each(Object.entries(all))('%s', async (name, expected) => {
    await withLab(async ({ lab, io }) => {
      giveWindows(lab, 'calibration', expected.windows);
      await lab.load(await fixtureModel(name), io);
      for (const kind of KINDS) {
        const found = await measure(lab, kind);
        const worst = await furthest(lab, found, kind, expected);
        expect([kind, worst < TOLERANCE.gradients, worst]).toEqual([kind, true, worst]);
        found.losses.forEach((loss, i) => expect(loss).toBeCloseTo(expected.losses[i] ?? NaN, 4));
      }
    });
  });
});

describe('the store', () => {
  test('of two draws, a second pass makes none anew; where two do not fit, the least recently used goes', async () => {
    await withLab(async ({ lab, io }) => {
      const windows = all['two-block']?.windows ?? [];
      const draws = [windows, windows.slice(1), windows.slice(0, 1)];
      await lab.load(await fixtureModel('two-block'), io);
      const { engine } = lab.loaded;
      let total = 0;
      const meter: Meter = { total: (n) => (total += n), add: () => undefined };
      const of = (draw: number, hostBytes?: number): Promise<Gradients> => {
        giveWindows(lab, 'calibration', draws[draw] ?? []);
        return measure(lab, 'squared', meter, undefined, hostBytes);
      };
      const [first, second] = [await of(0), await of(1)];
      expect(second).not.toBe(first);
      total = 0;
      expect(await of(0)).toBe(first);
      expect(await of(1)).toBe(second);
      expect(total).toBe(0);

      const one = 4 * engine.model.plan.prunable.reduce((sum, m) => sum + m.count, 0);
      expect(lab.memory().cache).toBe(2 * one);
      await of(0);
      const third = await of(2, 2 * one);
      expect(total).toBeGreaterThan(0);
      expect(lab.memory().cache).toBe(2 * one);
      expect(await of(0)).toBe(first);
      expect(await of(2)).toBe(third);
      expect(await of(1, 2 * one)).not.toBe(second);
      await expect(of(0, one - 1)).rejects.toMatchObject({ kind: 'OutOfMemoryError' });
    });
  });

  test('keeps the last gradients of a text, forgets cancelled ones, returns its memory', async () => {
    await withLab(async ({ lab, io }) => {
      const expected = all['two-block'];
      if (!expected) throw new Error('two-block is not among the expected gradients');
      giveWindows(lab, 'calibration', expected.windows);
      await lab.load(await fixtureModel('two-block'), io);
      const { engine } = lab.loaded;
      let [total, done] = [0, 0];
      const meter: Meter = { total: (n) => (total += n), add: (n) => (done += n) };
      const abort = new AbortController();
      const stop: Meter = { total: () => undefined, add: () => abort.abort() };
      await expect(measure(lab, 'sum', stop, abort.signal)).rejects.toThrow(/Cancelled/);

      const first = await measure(lab, 'sum', meter);
      expect(await measure(lab, 'sum')).toBe(first);
      // What the cancelled job had done already is not done again.
      expect(done).toBeLessThanOrEqual(total);
      expect(done).toBeGreaterThan(0.7 * total);
      const { calibration } = await lab.texts(windowSpec({}), ['calibration']);
      if (!calibration) throw new Error('the text was not given');
      expect(gradientUnits(engine, calibration, 'sum')).toBe(0);
      expect(gradientUnits(engine, calibration, 'squared')).toBeGreaterThan(0);
      engine.dropCaches();
      const again = await measure(lab, 'sum');
      expect(again).not.toBe(first);
      const name = engine.model.plan.prunable[0]?.name ?? '';
      expect(await again.of(name)).toEqual(await first.of(name));
      await expect(again.of('nothing')).rejects.toThrow(/no gradient of nothing/);
    });
  });
});
