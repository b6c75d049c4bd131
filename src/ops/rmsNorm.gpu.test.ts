import { describe, expect, test } from 'vitest';
import { expectClose } from '../testing/compare';
import { normals, poisonedAct, readAct, runOnGpu, uploadAct, uploadVec } from '../testing/gpuFixture';
import { TOLERANCE } from '../testing/tolerances';
import { rmsNorm, type RmsNormVariant } from './rmsNorm';
import { rmsNormRef } from './rmsNorm.ref';

const VARIANTS: RmsNormVariant[] = ['lane', 'tree'];
const SHAPES = [[1, 1], [3, 5], [4, 63], [5, 64], [7, 65], [9, 576], [2, 2049]]; // prettier-ignore
const CASES = VARIANTS.flatMap((v) =>
  SHAPES.map(([rows = 0, cols = 0]): [RmsNormVariant, number, number] => [v, rows, cols]),
);

describe('rmsNorm', () => {
  test.each(CASES)('%s [%i, %i]', async (variant, rows, cols) => {
    await runOnGpu(async (gpu) => {
      const x = normals(rows * cols, 3, 2);
      const weight = normals(cols, 4);
      const out = poisonedAct(gpu, rows, cols);
      await rmsNorm(gpu.rec, uploadAct(gpu, x, cols), uploadVec(gpu, weight), out, { eps: 1e-5, variant });
      expectClose(await readAct(gpu, out), rmsNormRef(x, weight, cols, 1e-5), (_, value) =>
        TOLERANCE.rmsNorm(cols, value),
      );
    });
  });

  test.each(VARIANTS)(
    '%s: eps decides for tiny rows, zero rows stay zero, NaN stays in its row',
    async (variant) => {
      await runOnGpu(async (gpu) => {
        const cols = 8;
        const x = Float32Array.from({ length: 3 * cols }, (_, i) =>
          i < cols ? 1e-4 * (i + 1) : i < 2 * cols ? 0 : NaN,
        );
        const weight = new Float32Array(cols).fill(2);
        const out = poisonedAct(gpu, 3, cols);
        await rmsNorm(gpu.rec, uploadAct(gpu, x, cols), uploadVec(gpu, weight), out, { eps: 1e-5, variant });
        expectClose(await readAct(gpu, out), rmsNormRef(x, weight, cols, 1e-5), (_, value) =>
          TOLERANCE.rmsNorm(cols, value),
        );
      });
    },
  );

  test('in place is refused', async () => {
    await runOnGpu(async (gpu) => {
      const x = uploadAct(gpu, normals(8, 1), 4);
      await expect(rmsNorm(gpu.rec, x, uploadVec(gpu, normals(4, 1)), x, { eps: 1e-5 })).rejects.toThrow(
        /share a buffer/,
      );
    });
  });
});
