import { describe, expect, test } from 'vitest';
import { expectClose } from '../testing/compare';
import { normals, runOnGpu, upload, uploadAct, withGpu } from '../testing/gpuFixture';
import { TOLERANCE } from '../testing/tolerances';
import { addEnergies, columnEnergy, energyChunks } from './columnEnergy';
import { columnEnergyRef } from './columnEnergy.ref';

const SHAPES = [[1, 1, 1], [1, 5, 64], [3, 31, 2], [64, 32, 64], [65, 33, 64], [7, 65, 1], [100, 576, 48], [130, 1537, 64]] as const; // prettier-ignore
const TABLE = (['lane', 'group'] as const).flatMap((variant) =>
  SHAPES.map((shape) => [variant, ...shape] as const),
);

describe('partial energies', () => {
  test.each(TABLE)('%s, %i rows of %i in chunks of %i', async (variant, rows, cols, rowsPerChunk) => {
    await runOnGpu(async (fixture) => {
      const data = normals(rows * cols, rows * cols, 3);
      const chunks = energyChunks(rows, rowsPerChunk);
      const out = upload(fixture, new Float32Array((chunks + 2) * cols).fill(NaN));
      await columnEnergy(fixture.rec, uploadAct(fixture, data, cols), out, {
        rowsPerChunk,
        chunkBegin: 1,
        variant,
      });
      const got = await fixture.rec.readF32(out, (chunks + 2) * cols);
      const want = columnEnergyRef(data, cols, rowsPerChunk);
      expectClose(got.subarray(cols, (chunks + 1) * cols), want, (_, w) =>
        TOLERANCE.columnEnergy(rowsPerChunk, w),
      );
      expect(got.subarray(0, cols).every(Number.isNaN)).toBe(true);
      expect(got.subarray((chunks + 1) * cols).every(Number.isNaN)).toBe(true);
    });
  });
});

test(
  'chunks add up in f64; split dispatches give the same bytes',
  withGpu(async (fixture) => {
    const [rows, cols] = [300, 40];
    const data = normals(rows * cols, 5);
    const x = uploadAct(fixture, data, cols);
    const chunks = energyChunks(rows, 16);
    for (const variant of ['lane', 'group'] as const) {
      const whole = upload(fixture, new Float32Array(chunks * cols).fill(NaN));
      await columnEnergy(fixture.rec, x, whole, { rowsPerChunk: 16, variant });
      const partials = await fixture.rec.readF32(whole, chunks * cols);
      const sums = new Float64Array(cols);
      addEnergies(partials, cols, sums);
      expectClose(sums, columnEnergyRef(data, cols, rows), (_, w) => TOLERANCE.columnEnergy(16, w));
      const before = fixture.rec.work.dispatches;
      Object.defineProperty(fixture.rec, 'maxCost', { value: 2e4, configurable: true });
      const split = upload(fixture, new Float32Array(chunks * cols).fill(NaN));
      await columnEnergy(fixture.rec, x, split, { rowsPerChunk: 16, variant });
      expect(fixture.rec.work.dispatches - before).toBeGreaterThan(3);
      expect(await fixture.rec.readF32(split, chunks * cols)).toEqual(partials);
      Reflect.deleteProperty(fixture.rec, 'maxCost');
    }
  }),
);

test(
  'wrong shapes are refused',
  withGpu(async (fixture) => {
    const x = uploadAct(fixture, normals(40, 1), 10);
    const out = upload(fixture, new Float32Array(20));
    await expect(columnEnergy(fixture.rec, x, out, { rowsPerChunk: 1 })).rejects.toThrow('bytes');
    await expect(columnEnergy(fixture.rec, x, out, { rowsPerChunk: 0 })).rejects.toThrow('rows to a chunk');
  }),
);
