import { describe, expect, test } from 'vitest';
import { expectClose } from '../testing/compare';
import { normals, runOnGpu, upload, uploadAct, withGpu, type GpuFixture } from '../testing/gpuFixture';
import { TOLERANCE } from '../testing/tolerances';
import { columnMoments, joinMoments } from './columnMoments';
import { momentChunks } from './statisticShapes';
import { columnMomentsRef, momentsRef } from './columnMoments.ref';

/** Sequences, tokens of each, columns, rows to a chunk. */
const SHAPES = [[1, 1, 1, 1], [1, 64, 5, 64], [2, 65, 31, 64], [3, 63, 64, 64], [2, 7, 65, 3], [4, 100, 130, 64]] as const; // prettier-ignore

async function partialsOf(
  gpu: GpuFixture,
  data: Float32Array,
  cols: number,
  length: number,
  rowsPerChunk: number,
): Promise<Float32Array> {
  const chunks = (data.length / cols / length) * momentChunks(length, rowsPerChunk);
  const out = upload(gpu, new Float32Array((chunks + 2) * 2 * cols).fill(NaN));
  await columnMoments(gpu.rec, uploadAct(gpu, data, cols), out, { length, rowsPerChunk, chunkBegin: 1 });
  const got = await gpu.rec.readF32(out, (chunks + 2) * 2 * cols);
  expect(got.subarray(0, 2 * cols).every(Number.isNaN)).toBe(true);
  expect(got.subarray((chunks + 1) * 2 * cols).every(Number.isNaN)).toBe(true);
  return got.slice(2 * cols, (chunks + 1) * 2 * cols);
}

function check(
  partials: Float32Array,
  data: Float32Array,
  cols: number,
  length: number,
  rowsPerChunk: number,
): void {
  const want = columnMomentsRef(data, cols, length, rowsPerChunk);
  for (const [half, value, bound] of [
    [0, 'sum', TOLERANCE.columnSum],
    [1, 'squares', TOLERANCE.columnSquares],
  ] as const) {
    const got = want.map((_, i) => partials[(Math.floor(i / cols) * 2 + half) * cols + (i % cols)] ?? NaN);
    expectClose(got, want.map((w) => w[value]), want.map(bound), value); // prettier-ignore
  }
}

describe('column moments', () => {
  test.each(SHAPES)('%i sequences of %i, %i columns, chunks of %i', async (sequences, length, cols, rows) => {
    await runOnGpu(async (gpu) => {
      const data = normals(sequences * length * cols, cols, 3);
      check(await partialsOf(gpu, data, cols, length, rows), data, cols, length, rows);
    });
  });

  test(
    'a mean ten thousand times the spread does not swallow it',
    withGpu(async (gpu) => {
      const [length, cols] = [150, 9];
      const noise = normals(2 * length * cols, 3, 0.1);
      const data = noise.map((v, i) => v + 1000 * ((i % cols) - 4));
      const partials = await partialsOf(gpu, data, cols, length, 64);
      check(partials, data, cols, length, 64);
      const { variance } = joinMoments(partials, cols, [length, length], 64);
      const want = momentsRef(data, cols, [length, length]).variance;
      // A chunk's sum is below 2^18: f32 rounds it by 2^-7 at most, its mean by 2^-13. Two means that lie less than 0.1
      // apart enter by the square of their distance and a weight of 1/4: 2 * 0.1 * 2^-12 / 4.
      expectClose(variance, want, (_, v) => 1e-5 * v + 2 ** -16);
    }),
  );

  test(
    'split dispatches give the same bytes; NaN stays in its column and chunk',
    withGpu(async (gpu) => {
      const [length, cols] = [90, 70];
      const data = normals(3 * length * cols, 4);
      data[(length + 70) * cols + 5] = NaN;
      const whole = await partialsOf(gpu, data, cols, length, 16);
      const before = gpu.rec.work.dispatches;
      Object.defineProperty(gpu.rec, 'maxCost', { value: 4e4, configurable: true });
      const split = await partialsOf(gpu, data, cols, length, 16);
      Reflect.deleteProperty(gpu.rec, 'maxCost');
      expect(gpu.rec.work.dispatches - before).toBeGreaterThan(4);
      expect(split).toEqual(whole);
      const bad = [...whole.keys()].filter((i) => Number.isNaN(whole[i]));
      // Sequence 1, its fifth chunk of six.
      expect(bad).toEqual([(6 + 4) * 2 * cols + 5, ((6 + 4) * 2 + 1) * cols + 5]);
    }),
  );

  test(
    'wrong shapes are refused',
    withGpu(async (gpu) => {
      const x = uploadAct(gpu, normals(60, 1), 10);
      const out = upload(gpu, new Float32Array(40));
      const run = (length: number, rowsPerChunk: number): Promise<void> =>
        columnMoments(gpu.rec, x, out, { length, rowsPerChunk });
      await expect(run(4, 2)).rejects.toThrow('no whole sequences of 4');
      await expect(run(3, 0)).rejects.toThrow('rows to a chunk');
      await expect(run(3, 1)).rejects.toThrow('bytes');
    }),
  );
});
