import { describe, expect, test } from 'vitest';
import { expectClose } from '../testing/compare';
import {
  normals,
  poisonedAct,
  readAct,
  runOnGpu,
  upload,
  uploadAct,
  type Place,
} from '../testing/gpuFixture';
import { TOLERANCE } from '../testing/tolerances';
import { activate, ACTIVATIONS, type Activation } from './activate';
import { activateRef, type ActivateRef } from './activate.ref';
import type { Act } from './types';

/** `x` in a buffer with poison behind its end. */
function inPlace(gpu: Place, x: Float32Array, cols: number): Act {
  const buffer = upload(gpu, Float32Array.of(...x, ...new Float32Array(16).fill(NaN)));
  return { buffer, rows: x.length / cols, cols };
}

const bound =
  (ref: ActivateRef) =>
  (i: number, value: number): number =>
    TOLERANCE.activate(ref.exponents[i] ?? 0, ref.tails[i] ?? 0, value, ref.inputs[i] ?? 0);

const SHAPES = [[1, 1], [1, 63], [1, 64], [5, 13], [3, 352]]; // prettier-ignore
const CASES = ACTIVATIONS.flatMap((kind) =>
  SHAPES.map(([rows = 0, cols = 0]): [Activation, number, number] => [kind, rows, cols]),
);

describe('activate', () => {
  test.each(CASES)('%s [%i, %i], gated and alone', async (kind, rows, cols) => {
    await runOnGpu(async (gpu) => {
      const x = normals(rows * cols, 5, 4);
      for (const up of [normals(rows * cols, 6), null]) {
        const act = inPlace(gpu, x, cols);
        await activate(gpu.rec, kind, act, up && uploadAct(gpu, up, cols));
        const ref = activateRef(kind, x, up);
        expectClose(await readAct(gpu, act), ref.values, bound(ref), up ? 'gated' : 'alone');
      }
    });
  });

  test.each(ACTIVATIONS)('%s over [-12, 12]', async (kind) => {
    await runOnGpu(async (gpu) => {
      const x = Float32Array.from({ length: 24 * 512 + 1 }, (_, i) => i / 512 - 12);
      const act = inPlace(gpu, x, x.length);
      await activate(gpu.rec, kind, act, null);
      const ref = activateRef(kind, x);
      expectClose(await readAct(gpu, act), ref.values, bound(ref));
    });
  });

  test.each(ACTIVATIONS)('%s of extreme values is finite, of NaN is NaN', async (kind) => {
    await runOnGpu(async (gpu) => {
      const large = [1e30, 3e38, 1e10, 300, 200, 88, 40, 14.6, 14.4, 13.2, 11.1, 10.9, 1e-20, 0];
      const x = Float32Array.of(...large, ...large.map((v) => -v), NaN, 1);
      const up = Float32Array.from(x, (_, i) => (i === x.length - 1 ? NaN : 1.5));
      up.forEach((_, i) => Math.abs(x[i] ?? 0) > 1e38 && (up[i] = 0.5));
      const act = inPlace(gpu, x, x.length);
      await activate(gpu.rec, kind, act, uploadAct(gpu, up, x.length));
      const ref = activateRef(kind, x, up);
      const got = await readAct(gpu, act);
      expectClose(got, ref.values, bound(ref));
      expect(got.subarray(0, 2 * large.length).every(Number.isFinite)).toBe(true);
    });
  });

  test('more than one row of the grid', async () => {
    await runOnGpu(async (gpu) => {
      // 65536 workgroups of 64 and one element: the grid folds.
      const count = 65536 * 64 + 1;
      const x = { buffer: gpu.scope.alloc(count * 4, 'activations', 'gate'), rows: 1, cols: count };
      const up = { buffer: gpu.scope.alloc(count * 4, 'activations', 'up'), rows: 1, cols: count };
      const marks = [0, 65535 * 64 - 1, 65535 * 64, count - 1];
      for (const at of marks) {
        gpu.rec.write(x.buffer, at * 4, Float32Array.of(1));
        gpu.rec.write(up.buffer, at * 4, Float32Array.of(2));
      }
      await activate(gpu.rec, 'silu', x, up);
      const all = await gpu.rec.readF32(x.buffer, count);
      const wrong = marks.filter((at) => Math.abs((all[at] ?? 0) - 2 / (1 + Math.exp(-1))) > 1e-6);
      expect(wrong).toEqual([]);
      expect(all.reduce((n, v) => n + (v === 0 ? 0 : 1), 0)).toBe(marks.length);
    });
  });

  test('a gate of another shape, and one in the same buffer, are refused', async () => {
    await runOnGpu(async (gpu) => {
      const x = poisonedAct(gpu, 2, 4);
      await expect(activate(gpu.rec, 'relu', x, poisonedAct(gpu, 4, 2))).rejects.toThrow(/up has 4 rows/);
      await expect(activate(gpu.rec, 'relu', x, x)).rejects.toThrow(/share a buffer/);
    });
  });
});
