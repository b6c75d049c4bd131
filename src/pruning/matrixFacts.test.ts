import { describe, expect, test } from 'vitest';
import { fromBase64 } from '../core/base64';
import { fromF32, toF32, type FloatDtype } from '../core/dtypes';
import { Rng } from '../core/rng';
import { scoreFacts, SCORE_BINS, zeroFacts, type MatrixBytes } from './matrixFacts';

const pace = { breathe: () => Promise.resolve() };

function matrix(values: readonly number[], rows: number, cols: number, dtype: FloatDtype): MatrixBytes {
  return { bytes: fromF32(values, dtype), dtype, rows, cols };
}

/** Wide spread of sizes, some zeros of both signs. */
function drawn(count: number, seed: number): number[] {
  const rng = new Rng(seed);
  return Array.from({ length: count }, () => {
    const kind = rng.float();
    const sign = rng.float() < 0.5 ? -1 : 1;
    return kind < 0.1 ? sign * 0 : sign * 10 ** (-3 + 4 * rng.float());
  });
}

function maskOf(kept: (r: number, c: number) => boolean, rows: number, cols: number): Uint32Array {
  const words = Math.ceil(cols / 32);
  const out = new Uint32Array(rows * words);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < cols; c++)
      if (kept(r, c)) out[r * words + (c >> 5)] = (out[r * words + (c >> 5)] as number) | (1 << (c & 31));
  return out;
}

describe('zeros, dead rows and columns, picture', () => {
  for (const dtype of ['F32', 'F16', 'BF16'] as const)
    test(`against plain loops, ${dtype}`, async () => {
      const [rows, cols] = [7, 37];
      const before = drawn(rows * cols, 3);
      for (let c = 0; c < cols; c++) before[2 * cols + c] = c % 2 === 0 ? 0 : -0;
      const after = before.map((x, i) =>
        Math.floor(i / cols) === 5 || i % cols === 11 || i % 3 === 0 ? 0 : x,
      );
      const facts = await zeroFacts(
        matrix(before, rows, cols, dtype),
        matrix(after, rows, cols, dtype),
        pace,
      );
      const dead = (values: readonly number[]) => ({
        rows: Array.from({ length: rows }, (_, r) => values.slice(r * cols, (r + 1) * cols).every((x) => x === 0)).filter(Boolean).length,
        cols: Array.from({ length: cols }, (_, c) => values.filter((_x, i) => i % cols === c).every((x) => x === 0)).filter(Boolean).length,
      }); // prettier-ignore
      expect(facts.zeros).toBe(after.filter((x) => x === 0).length);
      expect(facts.zerosBefore).toBe(before.filter((x) => x === 0).length);
      expect(facts.dead.rows).toBe(dead(after).rows);
      expect(facts.dead.cols).toBe(dead(after).cols);
      expect(facts.dead.rowsBefore).toBe(1);
      expect(facts.dead.colsBefore).toBe(dead(before).cols);
      expect(facts.picture).toMatchObject({ height: rows, width: cols });
      expect([...fromBase64(facts.picture.kept)]).toEqual(after.map((x) => (x === 0 ? 0 : 255)));
    });

  test('a large matrix is seen from far, cell by cell', async () => {
    const [rows, cols] = [600, 301];
    const values = drawn(rows * cols, 5);
    const whole = matrix(values, rows, cols, 'F32');
    const { picture } = await zeroFacts(whole, whole, pace);
    expect([picture.height, picture.width]).toEqual([256, 256]);
    const kept = new Float64Array(256 * 256);
    const size = new Float64Array(256 * 256);
    values.forEach((x, i) => {
      const cell =
        Math.floor((Math.floor(i / cols) * 256) / rows) * 256 + Math.floor(((i % cols) * 256) / cols);
      size[cell] = (size[cell] ?? 0) + 1;
      if (x !== 0) kept[cell] = (kept[cell] ?? 0) + 1;
    });
    expect([...fromBase64(picture.kept)]).toEqual(
      [...kept].map((k, i) => Math.round((255 * k) / (size[i] ?? 1))),
    );
  });
});

describe('scores', () => {
  const [rows, cols] = [9, 45];
  const values = drawn(rows * cols, 11);
  const norms = Float32Array.from({ length: cols }, (_, c) => 0.5 + (c % 5));
  const stays = (r: number, c: number): boolean => (r * 31 + c * 17) % 10 < 3;

  test('bins, zeros and thresholds against plain loops in f64', async () => {
    for (const [dtype, by] of [
      ['F32', norms],
      ['F16', norms],
      ['BF16', null],
    ] as const) {
      const weight = matrix(values, rows, cols, dtype);
      const scores = Array.from(toF32(weight.bytes, dtype), (w, i) => Math.abs(w) * (by?.[i % cols] ?? 1));
      const record = await scoreFacts(weight, maskOf(stays, rows, cols), by, 'row', pace);
      const positive = scores.filter((s) => s > 0);
      expect(record.kind).toBe(by ? 'weightNorm' : 'weight');
      expect(record.log10?.min).toBeCloseTo(Math.log10(Math.min(...positive)), 5);
      expect(record.log10?.max).toBeCloseTo(Math.log10(Math.max(...positive)), 5);
      const { min = 0, max = 0 } = record.log10 ?? {};
      const bins = {
        kept: new Array<number>(SCORE_BINS).fill(0),
        pruned: new Array<number>(SCORE_BINS).fill(0),
      };
      scores.forEach((score, i) => {
        if (score === 0) return;
        // Scores are rounded to f32 before they are binned.
        const at = ((Math.log10(Math.fround(score)) - min) / (max - min)) * SCORE_BINS;
        const list = bins[stays(Math.floor(i / cols), i % cols) ? 'kept' : 'pruned'];
        const bin = Math.min(SCORE_BINS - 1, Math.max(0, Math.floor(at)));
        list[bin] = (list[bin] ?? 0) + 1;
      }); // prettier-ignore
      expect(record.kept).toEqual(bins.kept);
      expect(record.pruned).toEqual(bins.pruned);
      const zeros = scores.flatMap((s, i) => (s === 0 ? [stays(Math.floor(i / cols), i % cols)] : []));
      expect(record.zero).toEqual({
        kept: zeros.filter(Boolean).length,
        pruned: zeros.filter((k) => !k).length,
      });
      const cuts = Array.from({ length: rows }, (_, r) =>
        Math.max(...scores.slice(r * cols, (r + 1) * cols).filter((_s, c) => !stays(r, c))),
      ).sort((a, b) => a - b);
      expect(record.threshold).toEqual({
        unit: 'row', rows, min: Math.fround(cuts[0] ?? 0), median: Math.fround(cuts[4] ?? 0), max: Math.fround(cuts[8] ?? 0),
      }); // prettier-ignore
    }
  });

  test('one threshold for a matrix, none where nothing divides the scores', async () => {
    const weight = matrix([1, 2, 4, 8], 2, 2, 'F32');
    const mask = maskOf((r) => r === 1, 2, 2);
    expect((await scoreFacts(weight, mask, null, 'matrix', pace)).threshold).toEqual({
      unit: 'matrix',
      value: 2,
    });
    expect((await scoreFacts(weight, mask, null, null, pace)).threshold).toBeNull();
    const all = maskOf(() => true, 2, 2);
    expect((await scoreFacts(weight, all, null, 'row', pace)).threshold).toBeNull();
  });

  test('all zero, all alike, and far below the largest', async () => {
    const none = await scoreFacts(
      matrix([0, -0], 1, 2, 'F32'),
      maskOf(() => false, 1, 2),
      null,
      'row',
      pace,
    );
    expect(none.log10).toBeNull();
    expect(none.zero).toEqual({ kept: 0, pruned: 2 });
    const alike = await scoreFacts(
      matrix([3, -3], 1, 2, 'F32'),
      maskOf(() => true, 1, 2),
      null,
      'row',
      pace,
    );
    expect(alike.kept.reduce((a, b) => a + b)).toBe(2);
    const far = await scoreFacts(
      matrix([1, 1e-20], 1, 2, 'F32'),
      maskOf(() => true, 1, 2),
      null,
      'row',
      pace,
    );
    expect(far.log10).toEqual({ min: -6, max: 0 });
    expect([far.kept[0], far.kept[SCORE_BINS - 1]]).toEqual([1, 1]);
  });
});
