import { describe, expect, test } from 'vitest';
import { expectClose } from '../testing/compare';
import { normals, poisonedAct, readAct, runOnGpu, upload, uploadAct } from '../testing/gpuFixture';
import { TOLERANCE } from '../testing/tolerances';
import { swiglu } from './swiglu';
import { swigluRef } from './swiglu.ref';

describe('swiglu', () => {
  test.each([
    [1, 1],
    [1, 63],
    [1, 64],
    [5, 13],
    [3, 352],
  ])('[%i, %i]', async (rows, cols) => {
    // prettier-ignore
    await runOnGpu(async (gpu) => {
      const gate = normals(rows * cols, 5, 4);
      const up = normals(rows * cols, 6);
      const out = poisonedAct(gpu, rows, cols);
      await swiglu(gpu.rec, uploadAct(gpu, gate, cols), uploadAct(gpu, up, cols), out);
      expectClose(await readAct(gpu, out), swigluRef(gate, up), (i, value) => TOLERANCE.swiglu(gate[i] ?? 0, value));
    });
  });

  test('in the gate itself; extreme gates; NaN stays', async () => {
    await runOnGpu(async (gpu) => {
      const gate = Float32Array.of(-200, -88, -20, -0, 0, 20, 88, 200, NaN, 1);
      const up = Float32Array.of(3, 3, 3, 3, 3, 3, 3, 3, 3, NaN);
      const buffer = upload(gpu, Float32Array.of(...gate, ...new Array<number>(16).fill(NaN)));
      const act = { buffer, rows: 1, cols: gate.length };
      await swiglu(gpu.rec, act, uploadAct(gpu, up, gate.length), act);
      const got = await readAct(gpu, act);
      expectClose(got, swigluRef(gate, up), (i, value) => TOLERANCE.swiglu(gate[i] ?? 0, value));
    });
  });

  test('more than one row of the grid', async () => {
    await runOnGpu(async (gpu) => {
      // 65536 workgroups of 64 and one element: the grid folds.
      const count = 65536 * 64 + 1;
      const gate = { buffer: gpu.scope.alloc(count * 4, 'activations', 'gate'), rows: 1, cols: count };
      const up = { buffer: gpu.scope.alloc(count * 4, 'activations', 'up'), rows: 1, cols: count };
      const marks = [0, 65535 * 64 - 1, 65535 * 64, count - 1];
      for (const at of marks) {
        gpu.rec.write(gate.buffer, at * 4, Float32Array.of(1));
        gpu.rec.write(up.buffer, at * 4, Float32Array.of(2));
      }
      await swiglu(gpu.rec, gate, up, gate);
      const all = await gpu.rec.readF32(gate.buffer, count);
      const wrong = marks.filter((at) => Math.abs((all[at] ?? 0) - 2 / (1 + Math.exp(-1))) > 1e-6);
      expect(wrong).toEqual([]);
      expect(all.reduce((n, x) => n + (x === 0 ? 0 : 1), 0)).toBe(marks.length);
    });
  });
});
