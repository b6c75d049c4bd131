import { describe, expect, test } from 'vitest';
import { fromF32 } from '../core/dtypes';
import {
  awkwardNorms,
  awkwardWeight,
  DTYPES,
  expectMask,
  normalWeight,
  variedCounts,
  WIDTHS,
} from '../testing/maskCases';
import { groupsRef, maskWords, matrixRef, rowsRef, scoresRef } from './select.ref';
import { maskFromRanks, rowRanks, selectGroupsCpu, selectMatrixCpu, selectRowsCpu } from './selectCpu';
import { checkGroups, matrixRule, rowCounts } from './selectRules';

const NORM_KINDS = ['none', 'usual', 'special', 'tiny'] as const;
type NormKind = (typeof NORM_KINDS)[number];
const normsOf = (cols: number, kind: NormKind) => (kind === 'none' ? null : awkwardNorms(cols)[kind]);
const TABLE = DTYPES.flatMap((dtype) => NORM_KINDS.map((kind) => [dtype, kind] as const));

function popcounts(words: Uint32Array, rows: number): number[] {
  const wordsPerRow = words.length / rows;
  return Array.from({ length: rows }, (_, r) => {
    let bits = 0;
    for (const word of words.subarray(r * wordsPerRow, (r + 1) * wordsPerRow)) {
      for (let x = word; x !== 0; x &= x - 1) bits++;
    }
    return bits;
  });
}

describe('CPU masks equal a plain sort', () => {
  test.each(TABLE)('rows, %s, norms %s', (dtype, kind) => {
    for (const cols of WIDTHS) {
      const w = awkwardWeight(cols, dtype);
      const norms = normsOf(cols, kind);
      const scores = scoresRef(w.values, cols, norms);
      const ranks = rowRanks(w.bytes, dtype, w.rows, cols, norms);
      for (const turn of [0, 1, 2, 3, 4, 5, 6]) {
        const counts = variedCounts(w.rows, cols, turn);
        const want = rowsRef(scores, cols, counts);
        expectMask(
          selectRowsCpu(w.bytes, dtype, w.rows, cols, norms, counts),
          want,
          cols,
          `rows of ${cols}, turn ${turn}`,
        );
        expectMask(maskFromRanks(ranks, w.rows, cols, counts), want, cols, `ranks of ${cols}, turn ${turn}`);
      }
    }
  });

  test.each(TABLE)('matrix, %s, norms %s', (dtype, kind) => {
    for (const cols of [1, 33, 576]) {
      const w = awkwardWeight(cols, dtype);
      const norms = normsOf(cols, kind);
      const scores = scoresRef(w.values, cols, norms);
      const total = w.rows * cols;
      for (const n of [0, 1, Math.trunc(total * 0.3), Math.trunc(total * 0.7), total - 1, total]) {
        for (const rule of [{ rule: 'exact', count: n } as const, { rule: 'inclusive', index: n } as const]) {
          const got = selectMatrixCpu(w.bytes, dtype, w.rows, cols, norms, rule);
          expectMask(got, matrixRef(scores, cols, rule), cols, `${JSON.stringify(rule)} of ${total}`);
        }
      }
    }
  });

  test.each(TABLE)('groups, %s, norms %s', (dtype, kind) => {
    for (const [cols, keep, group] of [
      [1, 1, 1],
      [32, 2, 4],
      [40, 4, 8],
      [33, 1, 3],
      [35, 2, 5],
      [64, 0, 32],
      [62, 31, 31],
      [576, 2, 4],
    ] as const) {
      // prettier-ignore
      if (cols % group !== 0) continue;
      const w = awkwardWeight(cols, dtype);
      const norms = normsOf(cols, kind);
      const got = selectGroupsCpu(w.bytes, dtype, w.rows, cols, norms, { keep, group });
      expectMask(
        got,
        groupsRef(scoresRef(w.values, cols, norms), cols, { keep, group }),
        cols,
        `${keep}:${group} of ${cols}`,
      );
    }
  });

  test('bytes at an odd address', () => {
    const w = normalWeight(3, 33, 'F16');
    const shifted = new Uint8Array(w.bytes.length + 1);
    shifted.set(w.bytes, 1);
    const counts = rowCounts(3, 33, 0.5, false);
    expect(selectRowsCpu(shifted.subarray(1), 'F16', 3, 33, null, counts)).toEqual(selectRowsCpu(w.bytes, 'F16', 3, 33, null, counts)); // prettier-ignore
  });

  test('wrong sizes are refused', () => {
    const w = normalWeight(3, 33, 'F16');
    expect(() => selectRowsCpu(w.bytes, 'F32', 3, 33, null, new Uint32Array(3))).toThrow('does not have');
    expect(() => selectRowsCpu(w.bytes, 'F16', 3, 33, new Float32Array(32), new Uint32Array(3))).toThrow(
      'norms',
    );
    expect(() => selectGroupsCpu(w.bytes, 'F16', 3, 33, null, { keep: 2, group: 4 })).toThrow(
      'do not divide',
    );
    expect(() => checkGroups('w', 66, { keep: 1, group: 33 })).toThrow('not possible');
    expect(() => checkGroups('w', 4, { keep: 5, group: 4 })).toThrow('not possible');
  });
});

describe('counts', () => {
  test('trunc in f64, as every reference program has it', () => {
    expect(rowCounts(2, 100, 0.29, false)).toEqual(Uint32Array.of(28, 28));
    expect(rowCounts(1, 4096, 0.7, false)).toEqual(Uint32Array.of(2867));
    expect(rowCounts(1, 11008, 0.7, false)).toEqual(Uint32Array.of(7705));
    expect(rowCounts(1, 128, 0.7, false)).toEqual(Uint32Array.of(89));
    expect(rowCounts(2, 64, 1, false)).toEqual(Uint32Array.of(64, 64));
    expect(rowCounts(2, 64, 0, true)).toEqual(Uint32Array.of(0, 0));
  });

  test.each([
    [64, 0.7],
    [128, 0.7],
    [31, 0.123],
    [1, 0.5],
    [576, 1],
    [7, 0.999],
  ])('exact budget of %i columns at %f', (cols, s) => {
    // prettier-ignore
    const counts = rowCounts(50, cols, s, true);
    expect(counts.reduce((a, b) => a + b, 0)).toBe(Math.floor(50 * cols * s));
    for (const n of counts) expect(Math.abs(n - cols * s)).toBeLessThan(1);
  });

  test('matrix rule', () => {
    expect(matrixRule(10, 10, 0, false)).toEqual({ rule: 'exact', count: 0 });
    expect(matrixRule(10, 10, 0.29, false)).toEqual({ rule: 'inclusive', index: 28 });
    expect(matrixRule(10, 10, 1, false)).toEqual({ rule: 'inclusive', index: 99 });
    expect(matrixRule(10, 10, 0.29, true)).toEqual({ rule: 'exact', count: 28 });
    expect(() => matrixRule(10, 10, 1.01, true)).toThrow('not a fraction');
    expect(() => rowCounts(10, 10, NaN, true)).toThrow('not a fraction');
  });
});

describe('what holds for any weights', () => {
  const cols = 96;
  const rows = 8;
  const w = normalWeight(rows, cols, 'BF16', 3);
  const norms = awkwardNorms(cols).usual;
  const rates = [0, 0.01, 0.25, 0.29, 0.5, 0.7, 0.93, 1];
  const wanda = (s: number, by = norms) =>
    selectRowsCpu(w.bytes, 'BF16', rows, cols, by, rowCounts(rows, cols, s, false));

  test('every row loses exactly trunc(C s)', () => {
    for (const s of rates)
      expect(popcounts(wanda(s), rows)).toEqual(Array(rows).fill(cols - Math.trunc(cols * s)));
  });

  test('masks of rising sparsity are nested', () => {
    for (let i = 1; i < rates.length; i++) {
      const denser = wanda(rates[i - 1] ?? 0);
      expect(wanda(rates[i] ?? 0).every((word, at) => (word & ~(denser[at] ?? 0)) === 0)).toBe(true);
    }
  });

  test('inputs times a power of two choose the same weights', () => {
    const scaled = norms.map((n) => n * 64);
    for (const s of rates) expect(wanda(s, scaled)).toEqual(wanda(s));
  });

  test('magnitude removes trunc(R C s) + 1, or more on ties', () => {
    // All different: BF16 repeats values, F32 normals do not.
    const distinct = normalWeight(rows, cols, 'F32', 5);
    expect(new Set(distinct.values.map(Math.abs)).size).toBe(rows * cols);
    for (const s of [0.1, 0.5, 0.7]) {
      const zeros = (bytes: Uint8Array, dtype: 'F32' | 'BF16') =>
        rows * cols - popcounts(selectMatrixCpu(bytes, dtype, rows, cols, null, matrixRule(rows, cols, s, false)), 1).reduce((a, b) => a + b); // prettier-ignore
      expect(zeros(distinct.bytes, 'F32')).toBe(Math.trunc(rows * cols * s) + 1);
      expect(zeros(w.bytes, 'BF16')).toBeGreaterThanOrEqual(Math.trunc(rows * cols * s) + 1);
    }
  });

  test('every group keeps its number', () => {
    const mask = selectGroupsCpu(w.bytes, 'BF16', rows, cols, norms, { keep: 3, group: 8 });
    const bytes = new Uint8Array(mask.buffer);
    expect(bytes.every((b) => popcounts(Uint32Array.of(b), 1)[0] === 3)).toBe(true);
  });
});

test('golden Wanda rows', () => {
  const weights = Float32Array.of(0.5, -0.2, 0.1, 0.9, -0.3, 0.4, -0.6, 0.05);
  const norms = Float32Array.from([5, 2, 5, 10], Math.sqrt);
  const mask = selectRowsCpu(fromF32(weights, 'F32'), 'F32', 2, 4, norms, rowCounts(2, 4, 0.5, false));
  expectMask(mask, maskWords(2, 4, [1, 2, 5, 7]), 4, 'golden');
  const ranks = rowRanks(fromF32(weights, 'F32'), 'F32', 2, 4, norms);
  expect([...ranks]).toEqual([2, 1, 0, 3, 2, 1, 3, 0]);
});
