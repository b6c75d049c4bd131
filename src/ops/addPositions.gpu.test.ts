import { describe, expect, test } from 'vitest';
import type { FloatDtype } from '../core/dtypes';
import { expectClose } from '../testing/compare';
import { normals, poisonedAct, readAct, runOnGpu, uploadWeight } from '../testing/gpuFixture';
import { TOLERANCE } from '../testing/tolerances';
import { addPositions, type AddPositionsOptions } from './addPositions';
import { addPositionsRef } from './addPositions.ref';

// Name, type, rows of the table, columns, tokens, positions, rows of a shard.
const CASES: [string, FloatDtype, number, number, number, AddPositionsOptions, number][] = [
  ['one of one', 'F32', 1, 1, 1, { seqLength: 1, positionBegin: 0, offset: 0 }, Infinity],
  ['three sequences, two rows before position 0', 'F16', 9, 7, 21, { seqLength: 7, positionBegin: 0, offset: 2 }, Infinity],
  ['a cached position, shards of odd 16-bit rows', 'BF16', 11, 5, 1, { seqLength: 1, positionBegin: 6, offset: 2 }, 3],
  ['over three shards, the last row', 'F16', 11, 13, 8, { seqLength: 8, positionBegin: 1, offset: 2 }, 5],
  ['fewer tokens than a sequence', 'F32', 6, 64, 4, { seqLength: 100, positionBegin: 2, offset: 0 }, 4],
  ['group - 1 elements', 'F32', 4, 63, 1, { seqLength: 1, positionBegin: 3, offset: 0 }, Infinity],
  ['group + 1 elements', 'BF16', 4, 65, 1, { seqLength: 1, positionBegin: 1, offset: 1 }, 2],
]; // prettier-ignore

describe('addPositions', () => {
  test.each(CASES)('%s, %s', async (_name, dtype, tableRows, cols, rows, options, shardRows) => {
    await runOnGpu(async (gpu) => {
      const table = uploadWeight(gpu, normals(tableRows * cols, 1), cols, dtype, shardRows);
      const x = normals(rows * cols, 2);
      const out = poisonedAct(gpu, rows, cols);
      gpu.rec.write(out.buffer, 0, x);
      await addPositions(gpu.rec, table.weight, out, options);
      const want = addPositionsRef(x, table.values, cols, options);
      expectClose(await readAct(gpu, out), want, (_, value) => TOLERANCE.addPositions(value));
    });
  });

  test('positions beyond the table are refused before anything is recorded', async () => {
    await runOnGpu(async (gpu) => {
      const table = uploadWeight(gpu, normals(20, 1), 2, 'F32', 4).weight;
      const out = poisonedAct(gpu, 6, 2);
      const options = { seqLength: 3, positionBegin: 6, offset: 2 };
      await expect(addPositions(gpu.rec, table, out, options)).rejects.toThrow(
        /addPositions: rows 8 to 11 of a table of 10/,
      );
      await expect(addPositions(gpu.rec, table, poisonedAct(gpu, 6, 3), options)).rejects.toThrow(
        /out has 3 columns, expected 2/,
      );
      expect(gpu.rec.work.dispatches).toBe(0);
    });
  });
});
