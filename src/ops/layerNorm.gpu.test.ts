import { describe, expect, test } from 'vitest';
import { expectClose } from '../testing/compare';
import { normals, poisonedAct, readAct, runOnGpu, uploadAct, uploadVec } from '../testing/gpuFixture';
import { TOLERANCE } from '../testing/tolerances';
import { layerNorm, type LayerNormVariant } from './layerNorm';
import { layerNormRef, type LayerNormRef } from './layerNorm.ref';

const VARIANTS: LayerNormVariant[] = ['lane', 'tree'];
const SHAPES = [[1, 1], [5, 1], [3, 5], [4, 63], [5, 64], [7, 65], [9, 768], [2, 2049]]; // prettier-ignore
const CASES = VARIANTS.flatMap((v) =>
  SHAPES.map(([rows = 0, cols = 0]): [LayerNormVariant, number, number] => [v, rows, cols]),
);

const bound =
  (ref: LayerNormRef) =>
  (i: number, value: number): number =>
    TOLERANCE.layerNorm(ref.at(i), value);

describe('layerNorm', () => {
  test.each(CASES)('%s [%i, %i], with bias and without', async (variant, rows, cols) => {
    await runOnGpu(async (gpu) => {
      const x = normals(rows * cols, 3, 2);
      const weight = normals(cols, 4);
      for (const bias of [normals(cols, 5), undefined]) {
        const out = poisonedAct(gpu, rows, cols);
        const vec = bias && uploadVec(gpu, bias);
        const options = { eps: 1e-5, variant };
        await layerNorm(gpu.rec, uploadAct(gpu, x, cols), uploadVec(gpu, weight), vec, out, options);
        const ref = layerNormRef(x, weight, { eps: 1e-5, bias });
        expectClose(await readAct(gpu, out), ref.values, bound(ref), bias ? 'with bias' : 'without');
      }
    });
  });

  test.each(VARIANTS)('%s: a mean far from 0 leaves the variance alone', async (variant) => {
    await runOnGpu(async (gpu) => {
      const cols = 4099;
      // In the last row the first mean alone, a sum of many in f32, is off by more than the bound.
      const means = [1e3, -1e4, 1e5, 3e6, 1e5 / 3];
      const spreads = [1, 1, 1, 1, 0.2];
      const x = normals(means.length * cols, 6).map((v, i) => {
        const row = Math.floor(i / cols);
        return v * (spreads[row] ?? 0) + (means[row] ?? 0);
      });
      const weight = normals(cols, 7);
      const out = poisonedAct(gpu, means.length, cols);
      const options = { eps: 1e-5, variant };
      await layerNorm(gpu.rec, uploadAct(gpu, x, cols), uploadVec(gpu, weight), undefined, out, options);
      const got = await readAct(gpu, out);
      const ref = layerNormRef(x, weight, options);
      expectClose(got, ref.values, bound(ref));
      // Far below the spread even at 1e4, where mean(x²) - mean² in f32 would be off by several times the variance.
      const largest = ref.values.reduce(
        (most, v, i) => Math.max(most, i < 2 * cols ? bound(ref)(i, v) : 0),
        0,
      );
      expect(largest).toBeLessThan(0.02);
    });
  });

  test.each(VARIANTS)('%s: onto a residual, over heads', async (variant) => {
    await runOnGpu(async (gpu) => {
      const [tokens, heads, cols] = [5, 3, 13];
      const rows = tokens * heads;
      const [x, residual] = [normals(rows * cols, 8), normals(rows * cols, 9, 4)];
      const [weight, bias] = [normals(cols, 10), normals(cols, 11)];
      const out = poisonedAct(gpu, rows, cols);
      const operands = [uploadAct(gpu, x, cols), uploadVec(gpu, weight), uploadVec(gpu, bias), out] as const;
      const ref = layerNormRef(x, weight, { eps: 1e-6, bias, residual });
      await layerNorm(gpu.rec, ...operands, { eps: 1e-6, variant, residual: uploadAct(gpu, residual, cols) });
      expectClose(await readAct(gpu, out), ref.values, bound(ref), 'residual in a buffer of its own');
      gpu.rec.write(out.buffer, 0, residual);
      await layerNorm(gpu.rec, ...operands, { eps: 1e-6, variant, residual: out });
      expectClose(await readAct(gpu, out), ref.values, bound(ref), 'residual in the output');
    });
  });

  test.each(VARIANTS)('%s: eps decides for equal and tiny rows, NaN stays in its row', async (variant) => {
    await runOnGpu(async (gpu) => {
      const cols = 10;
      const rows = [(): number => 0, () => 1e4 / 3, (c: number) => 1e-4 * c, () => NaN, (c: number) => c];
      const x = Float32Array.from(
        { length: rows.length * cols },
        (_, i) => rows[Math.floor(i / cols)]?.(i % cols) ?? 0,
      );
      const [weight, bias] = [normals(cols, 12), normals(cols, 13)];
      const out = poisonedAct(gpu, rows.length, cols);
      const vecs = [uploadVec(gpu, weight), uploadVec(gpu, bias)] as const;
      await layerNorm(gpu.rec, uploadAct(gpu, x, cols), ...vecs, out, { eps: 1e-5, variant });
      const ref = layerNormRef(x, weight, { eps: 1e-5, bias });
      expectClose(await readAct(gpu, out), ref.values, bound(ref));
    });
  });

  test('in place, and a bias of another length, are refused', async () => {
    await runOnGpu(async (gpu) => {
      const x = uploadAct(gpu, normals(8, 1), 4);
      const weight = uploadVec(gpu, normals(4, 1));
      const [out, bias] = [poisonedAct(gpu, 2, 4), uploadVec(gpu, normals(5, 1))];
      await expect(layerNorm(gpu.rec, x, weight, undefined, x, { eps: 1e-5 })).rejects.toThrow(/share/);
      await expect(layerNorm(gpu.rec, x, weight, bias, out, { eps: 1e-5 })).rejects.toThrow(
        /layerNorm: bias has length 5, expected 4/,
      );
    });
  });
});
