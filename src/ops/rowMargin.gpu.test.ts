import { describe, expect, test } from 'vitest';
import { runOnGpu, upload, uploadVec } from '../testing/gpuFixture';
import {
  awkwardNorms,
  awkwardWeight,
  DTYPES,
  uploadCase,
  uploadMask,
  variedCounts,
} from '../testing/maskCases';
import { relativeMargin } from './relativeMargin';
import { rowMargin } from './rowMargin';
import { rowMarginCpu } from './rowMarginCpu';
import { rowMarginRef } from './rowMargin.ref';
import { rowsRef, scoresRef } from './select.ref';

describe('row margins are exact', () => {
  test.each(
    DTYPES.flatMap((dtype) => (['none', 'usual', 'special'] as const).map((kind) => [dtype, kind] as const)),
  )('%s, norms %s', async (dtype, kind) => {
    // prettier-ignore
    await runOnGpu(async (fixture) => {
      for (const cols of [1, 33, 64, 130]) {
        const w = awkwardWeight(cols, dtype);
        const norms = kind === 'none' ? null : awkwardNorms(cols)[kind];
        const scores = scoresRef(w.values, cols, norms);
        for (const turn of [0, 1]) {
          const words = rowsRef(scores, cols, variedCounts(w.rows, cols, turn));
          const out = upload(fixture, new Float32Array(w.rows * 2).fill(NaN));
          const mask = uploadMask(fixture, w.rows, cols, words);
          await rowMargin(fixture.rec, uploadCase(fixture, w, 7), norms && uploadVec(fixture, norms), mask, out);
          const got = await fixture.rec.readF32(out, w.rows * 2);
          expect([...got]).toEqual([...rowMarginRef(scores, cols, words)]);
          const twin = rowMarginCpu(w.bytes, w.dtype, w.rows, cols, norms, words);
          expect([...twin]).toEqual([...got]);
        }
      }
    });
  });
});

test('relative margins', () => {
  const margins = Float32Array.of(1, 2, -1, 3, 4, -1, 0.75, 0.8125);
  expect(relativeMargin(margins, 'row')).toBe((0.8125 - 0.75) / 0.8125);
  expect(relativeMargin(margins, 'matrix')).toBe((0.8125 - 4) / 0.8125);
  expect(relativeMargin(Float32Array.of(-1, 3, 4, -1), 'row')).toBe(null);
  expect(relativeMargin(Float32Array.of(0, 0), 'row')).toBe(0);
  expect(relativeMargin(Float32Array.of(Infinity, Infinity, 1, Infinity), 'row')).toBe(0);
  expect(relativeMargin(Float32Array.of(1, Infinity), 'matrix')).toBe(1);
  expect(relativeMargin(new Float32Array(0), 'row')).toBe(null);
});
