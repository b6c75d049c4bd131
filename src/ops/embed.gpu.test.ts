import { describe, expect, test } from 'vitest';
import type { FloatDtype } from '../core/dtypes';
import { expectClose } from '../testing/compare';
import { normals, poisonedAct, readAct, runOnGpu, upload, uploadWeight } from '../testing/gpuFixture';
import { TOLERANCE } from '../testing/tolerances';
import { embed } from './embed';
import { embedRef } from './embed.ref';

const CASES: [string, FloatDtype, number, number, number[], number][] = [
  ['one of one', 'F32', 1, 1, [0], Infinity],
  ['odd width, odd row starts', 'F16', 5, 7, [4, 0, 3, 3, 1], Infinity],
  ['two shards', 'BF16', 9, 12, [8, 0, 4, 5, 3], 5],
  ['three shards of odd 16-bit rows', 'F16', 7, 3, [6, 5, 4, 3, 2, 1, 0], 3],
  ['group - 1 elements', 'F32', 4, 63, [2], Infinity],
  ['group elements', 'F32', 4, 64, [3], Infinity],
  ['group + 1 elements', 'F32', 4, 65, [1], 2],
];

describe('embed', () => {
  test.each(CASES)('%s, %s', async (_name, dtype, rows, cols, ids, shardRows) => {
    await runOnGpu(async (gpu) => {
      const table = uploadWeight(gpu, normals(rows * cols, 1), cols, dtype, shardRows);
      const out = poisonedAct(gpu, ids.length, cols);
      await embed(gpu.rec, table.weight, upload(gpu, Uint32Array.from(ids)), ids.length, out);
      expectClose(await readAct(gpu, out), embedRef(table.values, cols, ids), () => 0);
    });
  });

  test.each(['F32', 'F16', 'BF16'] as const)('%s, scaled', async (dtype) => {
    await runOnGpu(async (gpu) => {
      const [rows, cols, ids, scale] = [9, 13, [8, 0, 4, 8], Math.sqrt(2048)];
      const table = uploadWeight(gpu, normals(rows * cols, 3), cols, dtype, 5);
      const out = poisonedAct(gpu, ids.length, cols);
      await embed(gpu.rec, table.weight, upload(gpu, Uint32Array.from(ids)), ids.length, out, { scale });
      const want = embedRef(table.values, cols, ids, scale);
      expectClose(await readAct(gpu, out), want, (_, value) => TOLERANCE.embedScaled(value));
    });
  });

  test('halves keep subnormals, infinities and signed zeros; bfloat16 keeps NaN', async () => {
    await runOnGpu(async (gpu) => {
      for (const dtype of ['F16', 'BF16'] as const) {
        const values = Float32Array.of(
          2 ** -24,
          -(2 ** -20),
          1023 * 2 ** -24,
          65504,
          -0,
          Infinity,
          NaN,
          1 / 3,
        );
        const table = uploadWeight(gpu, values, 4, dtype);
        const out = poisonedAct(gpu, 2, 4);
        await embed(gpu.rec, table.weight, upload(gpu, Uint32Array.of(0, 1)), 2, out);
        expectClose(await readAct(gpu, out), Float64Array.from(table.values), () => 0, dtype);
      }
    });
  });

  test('an id beyond the table gives NaN, its neighbours stay right', async () => {
    await runOnGpu(async (gpu) => {
      const table = uploadWeight(gpu, normals(12, 2), 3, 'F32', 2);
      const out = poisonedAct(gpu, 3, 3);
      gpu.rec.clear(out.buffer, 0, 36);
      await embed(gpu.rec, table.weight, upload(gpu, Uint32Array.of(3, 4, 0)), 3, out);
      expectClose(await readAct(gpu, out), embedRef(table.values, 3, [3, 4, 0]), () => 0);
    });
  });

  test('wrong shapes are refused before anything is recorded', async () => {
    await runOnGpu(async (gpu) => {
      const table = uploadWeight(gpu, normals(12, 2), 3, 'F32');
      const out = poisonedAct(gpu, 3, 4);
      await expect(embed(gpu.rec, table.weight, upload(gpu, new Uint32Array(3)), 3, out)).rejects.toThrow(
        /embed: out has 4 columns, expected 3/,
      );
      expect(gpu.rec.work.dispatches).toBe(0);
    });
  });
});
