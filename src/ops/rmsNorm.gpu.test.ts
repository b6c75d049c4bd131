import { describe, expect, test } from 'vitest';
import { expectClose } from '../testing/compare';
import { normals, poisonedAct, readAct, runOnGpu, uploadAct, uploadVec } from '../testing/gpuFixture';
import { TOLERANCE } from '../testing/tolerances';
import { rmsNorm, type RmsNormVariant } from './rmsNorm';
import { rmsNormRef, type NormRef } from './rmsNorm.ref';

const VARIANTS: RmsNormVariant[] = ['lane', 'tree'];
const SHAPES = [[1, 1], [3, 5], [4, 63], [5, 64], [7, 65], [9, 576], [2, 2049]]; // prettier-ignore
const CASES = VARIANTS.flatMap((v) =>
  SHAPES.map(([rows = 0, cols = 0]): [RmsNormVariant, number, number] => [v, rows, cols]),
);

const bound =
  (ref: NormRef, cols: number) =>
  (i: number, value: number): number =>
    TOLERANCE.rmsNorm(cols, ref.normed[i] ?? 0, value);

describe('rmsNorm', () => {
  test.each(CASES)('%s [%i, %i]', async (variant, rows, cols) => {
    await runOnGpu(async (gpu) => {
      const x = normals(rows * cols, 3, 2);
      const weight = normals(cols, 4);
      const out = poisonedAct(gpu, rows, cols);
      await rmsNorm(gpu.rec, uploadAct(gpu, x, cols), uploadVec(gpu, weight), out, { eps: 1e-5, variant });
      const ref = rmsNormRef(x, weight, cols, { eps: 1e-5 });
      expectClose(await readAct(gpu, out), ref.values, bound(ref, cols));
    });
  });

  test.each(VARIANTS)('%s: weights as distances from 1, onto a residual, over heads', async (variant) => {
    await runOnGpu(async (gpu) => {
      const [tokens, heads, cols] = [5, 3, 13];
      const rows = tokens * heads;
      const [x, weight] = [normals(rows * cols, 5), normals(cols, 6, 0.3)];
      const residual = normals(rows * cols, 7, 4);
      const out = poisonedAct(gpu, rows, cols);
      const operands = [uploadAct(gpu, x, cols), uploadVec(gpu, weight), out] as const;
      const options = { eps: 1e-6, offset: 1, variant } as const;
      const ref = rmsNormRef(x, weight, cols, { ...options, residual });
      await rmsNorm(gpu.rec, ...operands, { ...options, residual: uploadAct(gpu, residual, cols) });
      expectClose(await readAct(gpu, out), ref.values, bound(ref, cols), 'residual in a buffer of its own');
      gpu.rec.write(out.buffer, 0, residual);
      await rmsNorm(gpu.rec, ...operands, { ...options, residual: out });
      expectClose(await readAct(gpu, out), ref.values, bound(ref, cols), 'residual in the output');
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
        const ref = rmsNormRef(x, weight, cols, { eps: 1e-5 });
        expectClose(await readAct(gpu, out), ref.values, bound(ref, cols));
      });
    },
  );

  test('in place and a residual of another shape are refused', async () => {
    await runOnGpu(async (gpu) => {
      const x = uploadAct(gpu, normals(8, 1), 4);
      const weight = uploadVec(gpu, normals(4, 1));
      await expect(rmsNorm(gpu.rec, x, weight, x, { eps: 1e-5 })).rejects.toThrow(/share a buffer/);
      const out = poisonedAct(gpu, 2, 4);
      const residual = uploadAct(gpu, normals(8, 1), 8);
      await expect(rmsNorm(gpu.rec, x, weight, out, { eps: 1e-5, residual })).rejects.toThrow(
        /rmsNorm: residual has 1 rows, expected 2/,
      );
    });
  });
});
