import { expect, test } from 'vitest';
import { sliceTensor } from './sliceTensor';

const grid = Uint8Array.from({ length: 4 * 3 * 2 }, (_, i) => i);

test('rows, columns, and both, of two-byte elements', () => {
  const shape = { rows: 4, cols: 3 };
  expect([...sliceTensor(grid, shape, 2, { rows: [1, 3], cols: null })]).toEqual([
    6, 7, 8, 9, 10, 11, 18, 19, 20, 21, 22, 23,
  ]);
  expect([...sliceTensor(grid, shape, 2, { rows: null, cols: [0, 2] })]).toEqual([
    0, 1, 4, 5, 6, 7, 10, 11, 12, 13, 16, 17, 18, 19, 22, 23,
  ]);
  expect([...sliceTensor(grid, shape, 2, { rows: [2], cols: [1, 2] })]).toEqual([14, 15, 16, 17]);
  expect(sliceTensor(grid, shape, 2, { rows: null, cols: null })).toEqual(grid);
  expect(sliceTensor(grid, shape, 2, { rows: [], cols: [1] }).byteLength).toBe(0);
});

test('bytes of another shape are an error', () => {
  expect(() => sliceTensor(grid, { rows: 4, cols: 4 }, 2, { rows: null, cols: null })).toThrow(RangeError);
});
