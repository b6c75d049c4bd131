import { describe, expect, test } from 'vitest';
import { expectClose } from '../testing/compare';
import { normals, runOnGpu, upload, withGpu, type GpuFixture } from '../testing/gpuFixture';
import { TOLERANCE } from '../testing/tolerances';
import { errorPartials, errorSums, sumPartials, type ErrorTotals } from './errorSums';
import { crossMagnitude, errorSumsRef, type Streams } from './errorSums.ref';
import type { Act } from './types';

/** Streams like a block's outputs: small differences on large values. */
function streams(count: number, seed: number): Streams {
  const c = normals(count, seed, 5);
  const plus = (base: Float32Array, scale: number, s: number): Float32Array => {
    const noise = normals(count, s, scale);
    return base.map((v, i) => v + (noise[i] ?? 0));
  };
  const b = plus(c, 0.01, seed + 1);
  return { c, b, a: plus(b, 0.02, seed + 2), d: plus(c, 0.03, seed + 3) };
}

/** Garbage follows the stream in its buffer: it must not be summed. */
function act(fixture: GpuFixture, data: Float32Array, rows: number): Act {
  const longer = new Float32Array(data.length + 7).fill(NaN);
  longer.set(data);
  return { buffer: upload(fixture, longer), rows, cols: data.length / rows };
}

function expectTotals(got: ErrorTotals, s: Streams): void {
  const want = errorSumsRef(s);
  const bounds = [want.local, want.inPlace, want.inherited, want.cumulative, crossMagnitude(s), want.dense].map((m) => TOLERANCE.errorSums(m)); // prettier-ignore
  const list = (t: ErrorTotals): number[] => [
    t.local,
    t.inPlace,
    t.inherited,
    t.cumulative,
    t.cross,
    t.dense,
  ];
  expectClose(list(got), list(want), bounds, 'local, inPlace, inherited, cumulative, cross, dense');
  // The identity holds for what was measured, not only in theory.
  expect(Math.abs(got.cumulative - (got.inPlace + got.inherited + 2 * got.cross))).toBeLessThan(TOLERANCE.errorSums(want.inPlace + want.inherited + 4 * crossMagnitude(s) + want.cumulative)); // prettier-ignore
}

describe('all six sums', () => {
  test.each([
    [1, 1],
    [1, 3],
    [2, 2],
    [5, 33],
    [64, 256],
    [64, 257],
    [100, 576],
    [1, 16385],
  ])('%i x %i', async (rows, cols) => {
    // prettier-ignore
    await runOnGpu(async (fixture) => {
      const s = streams(rows * cols, rows + cols);
      const partials = errorPartials(rows * cols);
      const out = upload(fixture, new Float32Array((partials + 4) * 6).fill(NaN));
      const outputs = { a: act(fixture, s.a, rows), b: act(fixture, s.b, rows), c: act(fixture, s.c, rows), d: act(fixture, s.d, rows) };
      await errorSums(fixture.rec, outputs, out, 2);
      const got = await fixture.rec.readF32(out, (partials + 4) * 6);
      expectTotals(sumPartials(got.subarray(12, (partials + 2) * 6)), s);
      for (const i of [0, 11, (partials + 2) * 6, (partials + 4) * 6 - 1]) expect(got[i]).toBe(NaN);
    });
  });
});

test(
  'fewer streams, fewer sums',
  withGpu(async (fixture) => {
    const s = streams(3 * 130, 4);
    const want = errorSumsRef(s);
    const a = act(fixture, s.a, 3);
    const b = act(fixture, s.b, 3);
    const c = act(fixture, s.c, 3);
    const out = upload(fixture, new Float32Array(errorPartials(390) * 6).fill(NaN));
    await errorSums(fixture.rec, { a, c }, out);
    const cheap = sumPartials(await fixture.rec.readF32(out, errorPartials(390) * 6));
    expectClose([cheap.cumulative, cheap.dense], [want.cumulative, want.dense], (_, w) =>
      TOLERANCE.errorSums(w),
    );
    expect([cheap.local, cheap.inPlace, cheap.inherited, cheap.cross]).toEqual([0, 0, 0, 0]);
    await errorSums(fixture.rec, { a, b, c }, out);
    const three = sumPartials(await fixture.rec.readF32(out, errorPartials(390) * 6));
    expectClose([three.inPlace, three.inherited], [want.inPlace, want.inherited], (_, w) =>
      TOLERANCE.errorSums(w),
    );
    expect(three.local).toBe(0);
    await expect(errorSums(fixture.rec, { a, c, d: b }, out)).rejects.toThrow('d without b');
    await expect(errorSums(fixture.rec, { a, c: { ...c, rows: 2 } }, out)).rejects.toThrow('rows');
  }),
);

test(
  'split dispatches give the same bytes',
  withGpu(async (fixture) => {
    const s = streams(200 * 576, 8);
    const of = (data: Float32Array): Act => act(fixture, data, 200);
    const outputs = { a: of(s.a), b: of(s.b), c: of(s.c), d: of(s.d) };
    const count = errorPartials(200 * 576) * 6;
    const whole = upload(fixture, new Float32Array(count).fill(NaN));
    await errorSums(fixture.rec, outputs, whole);
    const before = fixture.rec.work.dispatches;
    Object.defineProperty(fixture.rec, 'maxCost', { value: 5e5 });
    const split = upload(fixture, new Float32Array(count).fill(NaN));
    await errorSums(fixture.rec, outputs, split);
    expect(fixture.rec.work.dispatches - before).toBeGreaterThan(3);
    expect(await fixture.rec.readF32(split, count)).toEqual(await fixture.rec.readF32(whole, count));
  }),
);

test(
  'a stream that diverged shows',
  withGpu(async (fixture) => {
    const s = streams(100, 4);
    s.a[57] = NaN;
    s.b[3] = Infinity;
    const out = upload(fixture, new Float32Array(errorPartials(100) * 6));
    const of = (data: Float32Array): Act => act(fixture, data, 1);
    await errorSums(fixture.rec, { a: of(s.a), b: of(s.b), c: of(s.c), d: of(s.d) }, out);
    const got = sumPartials(await fixture.rec.readF32(out, errorPartials(100) * 6));
    for (const v of [got.cumulative, got.inPlace, got.inherited, got.cross])
      expect(Number.isFinite(v)).toBe(false);
    for (const v of [got.local, got.dense]) expect(Number.isFinite(v)).toBe(true);
  }),
);
