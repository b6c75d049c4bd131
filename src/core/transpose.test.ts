import { expect, test } from 'vitest';
import { transpose } from './transpose';

test.each([2, 4])('elements of %i bytes change places, twice gives the same bytes', (size) => {
  const [rows, cols] = [3, 5];
  const bytes = Uint8Array.from({ length: rows * cols * size + 1 }, (_, i) => i).subarray(1);
  const turned = transpose(bytes, size, rows, cols);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < cols; c++) {
      const [at, to] = [(r * cols + c) * size, (c * rows + r) * size];
      expect(turned.slice(to, to + size)).toEqual(bytes.slice(at, at + size));
    }
  expect(transpose(turned, size, cols, rows)).toEqual(Uint8Array.from(bytes));
  expect(() => transpose(bytes, size, rows, cols + 1)).toThrow(RangeError);
});
