import { describe, expect, test } from 'vitest';
import { GpuContext } from '../gpu/context';
import { Recorder } from '../gpu/recorder';
import { expectClose } from '../testing/compare';
import type { FloatDtype } from '../core/dtypes';
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
import { inNode, testGpu } from '../testing/setupGpu';
import { TOLERANCE } from '../testing/tolerances';
import { matmul, type MatmulOptions } from './matmul';
import { matmulRef } from './matmul.ref';
import {
  chooseMatmul,
  INEXACT_MATMUL,
  MATMUL_VARIANTS,
  matmulSupported,
  type MatmulVariant,
} from './matmulVariants';

const DTYPES: FloatDtype[] = ['F32', 'F16', 'BF16'];
/** Barriers are slow in software, workgroup memory to compile: these kernels run their own edges only. */
const SLOW = MATMUL_VARIANTS.filter((v) => v.startsWith('tile') || v === 'half');
/** Of one generator: what is not in their text is tried with one of them. */
const QUICK = MATMUL_VARIANTS.filter((v) => !SLOW.includes(v) || v === 'tile64x64');
/** Those that take all weight types, and one that takes halves. */
const typesOf = (variant: MatmulVariant): FloatDtype[] => (variant === 'half' ? ['F16'] : DTYPES);
const exactVariants = (gpu: GpuFixture, k: number): MatmulVariant[] =>
  QUICK.filter((v) => v !== INEXACT_MATMUL && matmulSupported(gpu.ctx, v, k));

interface Case {
  m: number;
  n: number;
  k: number;
  dtype?: FloatDtype;
  shardRows?: number;
  bias?: boolean;
  residual?: 'alias' | 'other';
  variant?: MatmulVariant;
}

/** Runs one product and compares all of it; `null` where the variant cannot run on this adapter. */
async function check(gpu: GpuFixture, c: Case): Promise<void> {
  const { m, n, k, dtype = 'F32', variant } = c;
  const x = normals(m * k, 8);
  const w = uploadWeight(gpu, normals(n * k, 9), k, dtype, c.shardRows);
  const bias = c.bias ? normals(n, 10) : undefined;
  const residual = c.residual ? normals(m * n, 11) : undefined;
  const out = poisonedAct(gpu, m, n);
  const options: MatmulOptions = { variant };
  if (bias) options.bias = uploadVec(gpu, bias);
  if (residual) {
    if (c.residual === 'other') options.residual = uploadAct(gpu, residual, n);
    else {
      gpu.rec.write(out.buffer, 0, residual);
      options.residual = out;
    }
  }
  await matmul(gpu.rec, uploadAct(gpu, x, k), w.weight, out, options);
  const ref = matmulRef(x, w.values, k, { bias, residual });
  expectClose(
    await readAct(gpu, out),
    ref.values,
    (i) =>
      variant === 'half'
        ? TOLERANCE.matmulHalf(k, ref.magnitudes[i] ?? 0, 6)
        : TOLERANCE.matmul(k, ref.magnitudes[i] ?? 0),
    `${m} x ${n} x ${k} ${dtype}`,
  );
}

/** Sizes one less, equal and one more than tiles (8, 16, 32, 64 rows; 8, 16, 64 columns), and single elements. */
const SHAPES: [number, number, number][] = [
  [1, 1, 4], [1, 17, 12], [7, 15, 8], [8, 16, 16], [9, 7, 20], [15, 65, 4], [17, 33, 36], [31, 8, 64], [33, 9, 68],
  [63, 16, 60], [64, 64, 64], [65, 63, 20], [129, 80, 24],
]; // prettier-ignore

describe.each(MATMUL_VARIANTS)('matmul %s', (variant) => {
  test('every tile edge, every weight type, right on this adapter or refused', async () => {
    await runOnGpu(async (gpu) => {
      const types = typesOf(variant);
      if (!matmulSupported(gpu.ctx, variant, 4, types[0])) {
        await expect(check(gpu, { m: 8, n: 8, k: 8, variant, dtype: types[0] })).rejects.toThrow(
          /cannot run here/,
        );
        return;
      }
      for (const [i, [m, n, k]] of SHAPES.entries()) {
        if (SLOW.includes(variant) && i % 3 !== 1 && m < 129) continue;
        await check(gpu, { m, n, k, variant, dtype: types[i % types.length] });
        if (SLOW.includes(variant)) continue;
        await check(gpu, {
          m,
          n,
          k,
          variant,
          dtype: types[(i + 1) % types.length],
          bias: i % 3 === 0,
          residual: 'alias',
        });
      }
    });
  });
});

describe.each(QUICK)('matmul %s', (variant) => {
  test('two shards with bias and residual', async () => {
    await runOnGpu(async (gpu) => {
      const types = SLOW.includes(variant) ? (['F16'] as const) : DTYPES;
      for (const dtype of types.filter((d) => matmulSupported(gpu.ctx, variant, 4, d)))
        await check(gpu, {
          m: 19,
          n: 43,
          k: 28,
          dtype,
          shardRows: 21,
          bias: true,
          residual: 'other',
          variant,
        });
    });
  });

  test('ranges of rows and of weight rows', async () => {
    await runOnGpu(async (gpu) => {
      if (!matmulSupported(gpu.ctx, variant, 4)) return;
      const [m, n, k] = [21, 37, 16];
      const x = normals(m * k, 12);
      const w = uploadWeight(gpu, normals(n * k, 13), k, 'F32', 10);
      const bias = normals(n, 14);
      const range = { rowBegin: 5, rows: 9, outRowBegin: 2, weightBegin: 7, weightRows: 19 };
      const out = poisonedAct(gpu, 12, range.weightRows);
      await matmul(gpu.rec, uploadAct(gpu, x, k), w.weight, out, {
        ...range,
        bias: uploadVec(gpu, bias),
        variant,
      });
      const ref = matmulRef(x, w.values, k, { bias });
      const want = Float64Array.from({ length: 12 * 19 }, (_, i) => {
        const row = Math.floor(i / 19);
        return row < 2 || row >= 11 ? NaN : (ref.values[(row + 3) * n + 7 + (i % 19)] ?? 0);
      });
      expectClose(await readAct(gpu, out), want, () => TOLERANCE.matmul(k, 60));
    });
  });
});

describe('matmul', () => {
  test.each([
    [1, 1, 1],
    [3, 5, 3],
    [9, 17, 33],
    [8, 8, 127],
  ])('any k: %i x %i x %i', async (m, n, k) => {
    // prettier-ignore
    await runOnGpu(async (gpu) => {
      for (const dtype of DTYPES) await check(gpu, { m, n, k, dtype, shardRows: Math.ceil(n / 2), bias: true });
    });
  });

  test('halves with subnormals count exactly', async () => {
    await runOnGpu(async (gpu) => {
      const k = 8;
      const values = Float32Array.from({ length: 2 * k }, (_, i) => (i % 2 ? -1 : 1) * (i + 1) * 2 ** -24);
      const w = uploadWeight(gpu, values, k, 'F16');
      const x = new Float32Array(3 * k).fill(2 ** 24);
      for (const variant of exactVariants(gpu, k)) {
        const out = poisonedAct(gpu, 3, 2);
        await matmul(gpu.rec, uploadAct(gpu, x, k), w.weight, out, { variant });
        expectClose(await readAct(gpu, out), matmulRef(x, values, k).values, () => 0, variant);
      }
    });
  });

  test('NaN and infinity reach exactly the outputs that use them', async () => {
    await runOnGpu(async (gpu) => {
      const [m, n, k] = [10, 18, 8];
      const x = normals(m * k, 15);
      const weights = normals(n * k, 16);
      x[3 * k + 2] = NaN;
      weights[5 * k + 7] = Infinity;
      const w = uploadWeight(gpu, weights, k, 'F32');
      const ref = matmulRef(x, weights, k);
      for (const variant of exactVariants(gpu, k)) {
        const out = poisonedAct(gpu, m, n);
        await matmul(gpu.rec, uploadAct(gpu, x, k), w.weight, out, { variant });
        expectClose(await readAct(gpu, out), ref.values, () => TOLERANCE.matmul(k, 60), variant);
      }
    });
  });

  test('a product above the cost limit becomes several dispatches, none above it, with the same result', async () => {
    await runOnGpu(async (gpu) => {
      const [m, n, k] = [150, 200, 32];
      class Small extends Recorder {
        override get maxCost(): number {
          return 60_000;
        }
      }
      const rec = new Small(gpu.ctx);
      try {
        await check({ ...gpu, rec }, { m, n, k, bias: true, residual: 'other' });
        expect(rec.work.dispatches).toBeGreaterThan((2 * m * n * k) / 60_000 / 3);
        expect(rec.work.flops).toBe(2 * m * n * k);
      } finally {
        rec.close();
      }
    });
  });

  test('shapes, aliases and unfit kernels are refused', async () => {
    await runOnGpu(async (gpu) => {
      const x = uploadAct(gpu, normals(12, 1), 6);
      const w = uploadWeight(gpu, normals(24, 1), 6, 'F32').weight;
      const out = poisonedAct(gpu, 2, 4);
      await expect(matmul(gpu.rec, x, w, x)).rejects.toThrow(/InternalError|columns/);
      await expect(matmul(gpu.rec, x, w, { ...out, cols: 3 })).rejects.toThrow(/3 columns, expected 4/);
      await expect(matmul(gpu.rec, x, w, { ...out, rows: 1 })).rejects.toThrow(/rows/);
      await expect(matmul(gpu.rec, x, w, out, { variant: 'dot8x8' })).rejects.toThrow(
        /cannot run here with k = 6/,
      );
      await expect(
        matmul(gpu.rec, { ...x, buffer: upload(gpu, new Float32Array(1)) }, w, out),
      ).rejects.toThrow(/needs 48/);
      const short = { ...w, shards: w.shards.map((s) => ({ ...s, rows: 3 })) };
      await expect(matmul(gpu.rec, x, short, out)).rejects.toThrow(/cover 3 rows/);
      expect(gpu.rec.work.dispatches).toBe(0);
    });
  });

  test('without subgroups another kernel is chosen, and it is right', async () => {
    const ctx = await GpuContext.open(testGpu(), {
      backend: inNode ? 'dawn-node' : 'chrome',
      without: ['subgroups'],
    });
    const rec = new Recorder(ctx);
    try {
      const id = chooseMatmul(ctx, { m: 256, n: 64, k: 64, dtype: 'F16' });
      expect(['dot8x8', 'tile64x64']).toContain(id);
      const scope = ctx.root.child();
      const x = normals(40 * 8, 17);
      const w = uploadWeight({ ctx, scope }, normals(24 * 8, 18), 8, 'F16');
      const out = poisonedAct({ ctx, scope }, 40, 24);
      await matmul(rec, uploadAct({ ctx, scope }, x, 8), w.weight, out);
      const ref = matmulRef(x, w.values, 8);
      expectClose(await readAct({ rec }, out), ref.values, (i) =>
        TOLERANCE.matmul(8, ref.magnitudes[i] ?? 0),
      );
      expect(ctx.errors).toEqual([]);
    } finally {
      rec.close();
      ctx.close();
    }
  });
});
