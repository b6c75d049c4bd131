import { describe, expect, test } from 'vitest';
import { expectClose } from '../testing/compare';
import { normals, poisonedAct, readAct, runOnGpu, uploadAct } from '../testing/gpuFixture';
import { splitColumns, type SplitColumnsOptions } from './splitColumns';
import { splitColumnsRef } from './splitColumns.ref';

const CASES: [string, number, number, number, SplitColumnsOptions][] = [
  ['one of one', 1, 1, 1, { begin: 0, block: 1, stride: 1 }],
  ['everything', 3, 21, 21, { begin: 0, block: 21, stride: 21 }],
  ['the second of two parts', 5, 26, 13, { begin: 13, block: 13, stride: 13 }],
  ['the key of a fused q, k, v with fewer key heads', 7, 30, 6, { begin: 18, block: 6, stride: 6 }],
  ['every third head, the last ones', 4, 60, 20, { begin: 10, block: 5, stride: 15 }],
  ['a block that is cut off', 3, 17, 8, { begin: 1, block: 3, stride: 7 }],
  ['every other column', 9, 15, 7, { begin: 1, block: 1, stride: 2 }],
  ['group - 1', 1, 130, 63, { begin: 64, block: 63, stride: 63 }],
  ['group', 1, 130, 64, { begin: 64, block: 64, stride: 64 }],
  ['group + 1', 1, 130, 65, { begin: 65, block: 65, stride: 65 }],
];

describe('splitColumns', () => {
  test.each(CASES)('%s', async (_name, rows, xCols, cols, options) => {
    await runOnGpu(async (gpu) => {
      const x = normals(rows * xCols, 1);
      const out = poisonedAct(gpu, rows, cols);
      await splitColumns(gpu.rec, uploadAct(gpu, x, xCols), out, options);
      expectClose(await readAct(gpu, out), splitColumnsRef(x, xCols, cols, options), () => 0);
    });
  });

  test('columns beyond x, blocks that overlap and another number of rows are refused', async () => {
    await runOnGpu(async (gpu) => {
      const x = uploadAct(gpu, normals(24, 1), 12);
      const out = poisonedAct(gpu, 2, 4);
      const refused = (o: SplitColumnsOptions, message: RegExp): Promise<void> =>
        expect(splitColumns(gpu.rec, x, out, o)).rejects.toThrow(message);
      await refused({ begin: 9, block: 4, stride: 4 }, /column 12 of x, which has 12/);
      await refused({ begin: 0, block: 2, stride: 1 }, /blocks of 2 every 1 from 0/);
      await refused({ begin: -1, block: 4, stride: 4 }, /from -1/);
      const short = poisonedAct(gpu, 1, 4);
      await expect(splitColumns(gpu.rec, x, short, { begin: 0, block: 4, stride: 4 })).rejects.toThrow(
        /x has 2 rows, expected 1/,
      );
      expect(gpu.rec.work.dispatches).toBe(0);
    });
  });
});
