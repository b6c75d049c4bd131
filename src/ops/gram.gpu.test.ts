import { describe, expect, test } from 'vitest';
import { GpuContext } from '../gpu/context';
import { Recorder, type Dispatch } from '../gpu/recorder';
import { expectClose } from '../testing/compare';
import { normals, runOnGpu, upload, uploadAct, withGpu, type GpuFixture } from '../testing/gpuFixture';
import { inNode, testGpu } from '../testing/setupGpu';
import { TOLERANCE } from '../testing/tolerances';
import { gram, gramFlops, readGram } from './gram';
import { gramRef } from './gram.ref';
import { INEXACT_MATMUL, MATMUL_VARIANTS, matmulSupported, type MatmulVariant } from './matmulVariants';
import { Workspace } from './workspace';

/** Sizes one less, equal and one more than bands and tiles; tokens that do and do not divide into fours. */
const SHAPES = [[1, 1], [3, 5], [4, 63], [17, 64], [30, 65], [8, 130], [70, 33]] as const; // prettier-ignore

function poisoned(gpu: GpuFixture, cols: number): ReturnType<typeof upload> {
  return upload(gpu, new Float32Array(cols * cols).fill(NaN));
}

function expectSymmetric(values: Float32Array, cols: number): void {
  const turned = values.map((_, i) => values[(i % cols) * cols + Math.floor(i / cols)] ?? NaN);
  expect(turned).toEqual(values);
}

/** Barriers are slow in software, workgroup memory to compile: one of the tiles stands for all. */
const isTile = (v: MatmulVariant): boolean => v.startsWith('tile');
const EXACT = MATMUL_VARIANTS.filter((v) => v !== INEXACT_MATMUL && (!isTile(v) || v === 'tile64x64'));

describe.each(EXACT)('gram through matmul %s', (variant) => {
  test('every edge', async () => {
    await runOnGpu(async (gpu) => {
      if (!matmulSupported(gpu.ctx, variant, 4)) return;
      for (const [i, [rows, cols]] of SHAPES.entries()) {
        if (isTile(variant) && i % 3 !== 1) continue;
        const x = normals(rows * cols, 40 + i, 2);
        const out = poisoned(gpu, cols);
        await gram(gpu.rec, uploadAct(gpu, x, cols), out, { variant }, gpu.workspace);
        const got = await readGram(gpu.rec, out, cols);
        const ref = gramRef(x, cols);
        const bound = ref.magnitudes.map((m) => TOLERANCE.gram(rows, 1, m));
        expectClose(got, ref.values, bound, `${rows} x ${cols}`);
        expectSymmetric(got, cols);
      }
    });
  });
});

describe('gram', () => {
  test(
    'batches add up, the first one clears, and tokens beyond a piece join',
    withGpu(async (gpu) => {
      const [rows, cols] = [1100, 24];
      const x = normals(rows * cols, 50);
      const out = poisoned(gpu, cols);
      const whole = uploadAct(gpu, x, cols);
      await gram(gpu.rec, whole, out, {}, gpu.workspace);
      const once = gramRef(x, cols);
      const bound = once.magnitudes.map((m) => TOLERANCE.gram(rows, 2, m));
      expectClose(await readGram(gpu.rec, out, cols), once.values, bound);
      const more = normals(7 * cols, 51);
      await gram(gpu.rec, uploadAct(gpu, more, cols), out, { accumulate: true }, gpu.workspace);
      const both = gramRef([...x, ...more], cols);
      const bounds = both.magnitudes.map((m) => TOLERANCE.gram(rows + 7, 3, m));
      expectClose(await readGram(gpu.rec, out, cols), both.values, bounds);
      await gram(gpu.rec, uploadAct(gpu, more, cols), out, {}, gpu.workspace);
      const last = gramRef(more, cols);
      expectClose(
        await readGram(gpu.rec, out, cols),
        last.values,
        last.magnitudes.map((m) => TOLERANCE.gram(7, 1, m)),
      );
    }),
  );

  test(
    'however submits are cut, the bytes are the same, and no dispatch costs more than allowed',
    withGpu(async (gpu) => {
      const [rows, cols, limit] = [200, 150, 60_000];
      const costs: number[] = [];
      class Small extends Recorder {
        override get maxCost(): number {
          return limit;
        }
        override run(dispatch: Dispatch): Promise<void> {
          costs.push(dispatch.cost);
          return super.run(dispatch);
        }
      }
      const x = uploadAct(gpu, normals(rows * cols, 52), cols);
      const out = poisoned(gpu, cols);
      await gram(gpu.rec, x, out, {}, gpu.workspace);
      const want = await readGram(gpu.rec, out, cols);
      expect(gpu.rec.work.flops).toBe(gramFlops(rows, cols));
      const rec = new Small(gpu.ctx);
      try {
        const split = poisoned(gpu, cols);
        await gram(rec, x, split, {}, gpu.workspace);
        expect(await readGram(rec, split, cols)).toEqual(want);
        expect(costs.length).toBeGreaterThan(20);
        // One tile of 64 x 64 (the largest of any kernel) is as little as a dispatch can do.
        expect(Math.max(...costs)).toBeLessThanOrEqual(Math.max(limit, 64 * 64 * (2 * rows + 64)));
      } finally {
        rec.close();
      }
    }),
  );

  test(
    'NaN and infinity reach exactly the elements that use them',
    withGpu(async (gpu) => {
      const [rows, cols] = [9, 20];
      const x = normals(rows * cols, 53);
      x[3 * cols + 2] = NaN;
      x[5 * cols + 7] = Infinity;
      const out = poisoned(gpu, cols);
      await gram(gpu.rec, uploadAct(gpu, x, cols), out, {}, gpu.workspace);
      const ref = gramRef(x, cols);
      expectClose(await readGram(gpu.rec, out, cols), ref.values, () => TOLERANCE.gram(rows, 1, 60));
    }),
  );

  test('a result larger than one binding', async () => {
    const ctx = await GpuContext.open(testGpu(), {
      backend: inNode ? 'dawn-node' : 'chrome',
      defaultLimits: true,
    });
    const rec = new Recorder(ctx);
    const scope = ctx.root.child();
    try {
      const [rows, cols] = [4, 5824];
      const out = scope.alloc(cols * cols * 4, 'scratch', 'gram');
      expect(out.bytes).toBeGreaterThan(ctx.device.limits.maxStorageBufferBindingSize);
      const x = normals(rows * cols, 54);
      await gram(rec, uploadAct({ ctx, scope }, x, cols), out, {}, new Workspace(scope));
      const got = await readGram(rec, out, cols);
      const at = (row: number, c: number): number => Number(x[row * cols + c]);
      for (let i = 0; i < 4000; i++) {
        const [a, b] = [(i * 997) % cols, (i * 3571 + 5823) % cols];
        const products = [0, 1, 2, 3].map((row) => at(row, a) * at(row, b));
        const want = products.reduce((s, p) => s + p, 0);
        const magnitude = products.reduce((s, p) => s + Math.abs(p), 0);
        expectClose([Number(got[a * cols + b])], [want], [TOLERANCE.gram(rows, 1, magnitude)], `${a}, ${b}`);
      }
      expect(ctx.errors).toEqual([]);
    } finally {
      rec.close();
      scope.close();
      ctx.close();
    }
  });

  test(
    'a buffer that is too small is refused',
    withGpu(async (gpu) => {
      const x = uploadAct(gpu, normals(40, 1), 10);
      const out = upload(gpu, new Float32Array(96));
      await expect(gram(gpu.rec, x, out, {}, gpu.workspace)).rejects.toThrow(/needs 400/);
    }),
  );
});
