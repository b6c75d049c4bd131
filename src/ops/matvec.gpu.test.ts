import { describe, expect, test } from 'vitest';
import type { FloatDtype } from '../core/dtypes';
import { Rng } from '../core/rng';
import { expectClose } from '../testing/compare';
import {
  normals,
  poisonedAct,
  readAct,
  runOnGpu,
  upload,
  uploadAct,
  uploadVec,
  uploadWeight,
  type GpuFixture,
} from '../testing/gpuFixture';
import { TOLERANCE } from '../testing/tolerances';
import { matvec, type MatvecVariant } from './matvec';
import { matvecRef } from './matvec.ref';
import type { MaskBuffer } from './types';

/** About half of the bits set; padding bits are set too, which no kernel may notice. */
function randomMask(
  gpu: GpuFixture,
  rows: number,
  cols: number,
): { mask: MaskBuffer; keep: (index: number) => boolean } {
  const wordsPerRow = Math.ceil(cols / 32);
  const rng = new Rng(5, 'mask');
  const words = Uint32Array.from({ length: rows * wordsPerRow }, () => rng.u32());
  const keep = (i: number): boolean => {
    const c = i % cols;
    return (((words[Math.floor(i / cols) * wordsPerRow + (c >> 5)] ?? 0) >>> (c & 31)) & 1) === 1;
  };
  return { mask: { buffer: upload(gpu, words), rows, cols, wordsPerRow }, keep };
}

const DTYPES: FloatDtype[] = ['F32', 'F16', 'BF16'];
/** [rows of x, outputs, k]: around 4 outputs per lane, 16 and 32 per workgroup, 32 columns per mask word. */
const VEC_SHAPES: [number, number, number][] = [[1, 1, 4], [2, 3, 28], [1, 15, 32], [4, 17, 36], [3, 33, 64], [1, 65, 260]]; // prettier-ignore
const ANY_SHAPES: [number, number, number][] = [[1, 1, 1], [2, 31, 3], [1, 32, 31], [4, 33, 33], [1, 7, 65]]; // prettier-ignore
const CASES = (['lane', 'tree', 'scalar'] as MatvecVariant[]).flatMap((variant) =>
  [...VEC_SHAPES, ...(variant === 'scalar' ? ANY_SHAPES : [])].map(
    ([m, n, k]): [MatvecVariant, number, number, number] => [variant, m, n, k],
  ),
);

describe('matvec', () => {
  test.each(CASES)('%s %i x %i x %i, with and without mask', async (variant, m, n, k) => {
    await runOnGpu(async (gpu) => {
      for (const dtype of DTYPES) {
        const x = normals(m * k, 20);
        const w = uploadWeight(gpu, normals(n * k, 21), k, dtype, Math.ceil(n / 2));
        const bias = normals(n, 22);
        const residual = normals(m * n, 23);
        const { mask, keep } = randomMask(gpu, n, k);
        const plain = poisonedAct(gpu, m, n);
        await matvec(gpu.rec, uploadAct(gpu, x, k), w.weight, plain, { variant });
        const plainRef = matvecRef(x, w.values, k);
        expectClose(
          await readAct(gpu, plain),
          plainRef.values,
          (i) => TOLERANCE.matmul(k, plainRef.magnitudes[i] ?? 0),
          dtype,
        );

        const full = poisonedAct(gpu, m, n);
        const extra = { bias: uploadVec(gpu, bias), residual: uploadAct(gpu, residual, n), mask };
        await matvec(gpu.rec, uploadAct(gpu, x, k), w.weight, full, { ...extra, variant });
        const ref = matvecRef(x, w.values, k, { bias, residual, keep });
        expectClose(
          await readAct(gpu, full),
          ref.values,
          (i) => TOLERANCE.matmul(k, ref.magnitudes[i] ?? 0),
          `${dtype} masked`,
        );
      }
    });
  });

  test('a pruned weight counts as zero even where it is not finite', async () => {
    await runOnGpu(async (gpu) => {
      for (const variant of ['lane', 'tree', 'scalar'] as const) {
        const values = Float32Array.of(1, NaN, 2, 3, 4, 5, Infinity, 6);
        const w = uploadWeight(gpu, values, 4, 'F32');
        const mask: MaskBuffer = {
          buffer: upload(gpu, Uint32Array.of(0b1101, 0b1011)),
          rows: 2,
          cols: 4,
          wordsPerRow: 1,
        };
        const out = poisonedAct(gpu, 1, 2);
        await matvec(gpu.rec, uploadAct(gpu, Float32Array.of(1, 1, 1, 1), 4), w.weight, out, {
          mask,
          variant,
        });
        expect(Array.from(await readAct(gpu, out))).toEqual([6, 15]);
      }
    });
  });

  test('a grid beyond one row', async () => {
    await runOnGpu(async (gpu) => {
      const rows = 23;
      const values = Float32Array.from({ length: rows * 4 }, (_, i) => (i % 4 === 0 ? i / 4 : 0));
      const w = uploadWeight(gpu, values, 4, 'F32');
      const out = poisonedAct(gpu, 1, rows);
      await matvec(gpu.rec, uploadAct(gpu, Float32Array.of(1, 0, 0, 0), 4), w.weight, out, {
        variant: 'tree',
        gridWidth: 10,
      });
      expectClose(
        await readAct(gpu, out),
        Float64Array.from({ length: rows }, (_, r) => r),
        () => 0,
      );
    });
  });

  test('more than four rows, a mask of another shape: refused', async () => {
    await runOnGpu(async (gpu) => {
      const w = uploadWeight(gpu, normals(8, 1), 4, 'F32').weight;
      const five = uploadAct(gpu, normals(20, 1), 4);
      await expect(matvec(gpu.rec, five, w, poisonedAct(gpu, 5, 2))).rejects.toThrow(/1 to 4/);
      const { mask } = randomMask(gpu, 3, 4);
      const one = uploadAct(gpu, normals(4, 1), 4);
      await expect(matvec(gpu.rec, one, w, poisonedAct(gpu, 1, 2), { mask })).rejects.toThrow(
        /mask is \[3, 4\]/,
      );
    });
  });
});
