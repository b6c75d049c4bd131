import { expect, test } from 'vitest';
import { packMask, zeroMasked, zeroPruned } from './masks';

test('zeros from the layout in GPU memory are those from the packed one', () => {
  let state = 7;
  const random = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0);
  for (const [rows, cols] of [
    [1, 1],
    [5, 31],
    [4, 32],
    [3, 33],
    [6, 70],
  ] as const) {
    const wordsPerRow = Math.ceil(cols / 32);
    for (const special of [null, 0, 0xffffffff]) {
      // Padding bits may be anything.
      const words = Uint32Array.from({ length: rows * wordsPerRow }, () => special ?? random());
      for (const transposed of [false, true]) {
        for (const size of [2, 4]) {
          const bytes = Uint8Array.from({ length: rows * cols * size }, () => 1 + (random() % 255));
          const expected = bytes.slice();
          zeroMasked(expected, size, packMask(words, rows, cols, wordsPerRow, transposed));
          zeroPruned(bytes, size, { words, rows, cols, wordsPerRow }, transposed);
          expect(bytes).toEqual(expected);
        }
      }
    }
  }
  const mask = { words: new Uint32Array(2), rows: 2, cols: 3, wordsPerRow: 1 };
  expect(() => zeroPruned(new Uint8Array(10), 2, mask)).toThrow(RangeError);
});
