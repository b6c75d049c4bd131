import { describe, expect, test } from 'vitest';
import { expectClose } from '../testing/compare';
import { normals, readAct, runOnGpu, upload } from '../testing/gpuFixture';
import { TOLERANCE } from '../testing/tolerances';
import { rope } from './rope';
import { ropeRef, ropeTableRef, type RopeShape } from './rope.ref';

const CASES: [string, number, RopeShape][] = [
  ['one pair', 1, { heads: 1, headDim: 2, seqLength: 1, positionBegin: 0, rotaryDim: 2 }],
  ['two sequences', 14, { heads: 3, headDim: 12, seqLength: 7, positionBegin: 0, rotaryDim: 12 }],
  ['cached position', 1, { heads: 2, headDim: 64, seqLength: 1, positionBegin: 41, rotaryDim: 64 }],
  [
    'part of the head, odd head width',
    5,
    { heads: 2, headDim: 13, seqLength: 5, positionBegin: 3, rotaryDim: 6 },
  ],
  ['group + 1 pairs', 65, { heads: 1, headDim: 2, seqLength: 65, positionBegin: 0, rotaryDim: 2 }],
];

describe('rope', () => {
  test.each(CASES)('%s', async (_name, rows, shape) => {
    await runOnGpu(async (gpu) => {
      const cols = shape.heads * shape.headDim;
      const x = normals(rows * cols, 7);
      const table = ropeTableRef(shape.positionBegin + shape.seqLength, shape.rotaryDim, 10000);
      const padded = new Float32Array(x.length + 16).fill(NaN);
      padded.set(x);
      const act = { buffer: upload(gpu, padded), rows, cols };
      await rope(gpu.rec, act, upload(gpu, Float32Array.from(table)), shape);
      const want = ropeRef(x, table, shape);
      const partner = (i: number): number => {
        const d = i % shape.headDim;
        const half = shape.rotaryDim / 2;
        return d >= shape.rotaryDim ? i : d < half ? i + half : i - half;
      };
      expectClose(await readAct(gpu, act), want, (i) => TOLERANCE.rope(x[i] ?? 0, x[partner(i)] ?? 0));
    });
  });

  test('a table that is too short is refused', async () => {
    await runOnGpu(async (gpu) => {
      const act = { buffer: upload(gpu, normals(80, 1)), rows: 10, cols: 8 };
      const table = upload(gpu, new Float32Array(8 * 9));
      const shape = { heads: 1, headDim: 8, seqLength: 10, positionBegin: 0, rotaryDim: 8 };
      await expect(rope(gpu.rec, act, table, shape)).rejects.toThrow(/table/);
    });
  });
});
