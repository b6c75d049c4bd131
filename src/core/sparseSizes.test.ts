import { expect, test } from 'vitest';
import { bandwidthSpeedUp, breakEvenBytes, bytesPerWeight, fileBytes, memoryBytes } from './sparseSizes';

const limit = (format: 'bitmask' | 'csr', s: number, dtype: 'F16' | 'F32'): string =>
  bandwidthSpeedUp(
    bytesPerWeight('dense', s, dtype) as number,
    bytesPerWeight(format, s, dtype) as number,
  ).toFixed(2);

test('limits of the bandwidth model at 50, 60, 70 and 80 %', () => {
  const at = [0.5, 0.6, 0.7, 0.8];
  expect(at.map((s) => limit('bitmask', s, 'F16'))).toEqual(['1.78', '2.16', '2.76', '3.81']);
  expect(at.map((s) => limit('bitmask', s, 'F32'))).toEqual(['1.88', '2.32', '3.02', '4.32']);
  expect(at.map((s) => limit('csr', s, 'F16'))).toEqual(['1.00', '1.25', '1.67', '2.50']);
  expect(bytesPerWeight('km', 0.5, 'F16', { keep: 2, group: 4 })).toBe(1.125);
  expect(bytesPerWeight('km', 0.5, 'F16')).toBeNull();
});

test('bytes of a small ragged matrix, counted by hand', () => {
  // 3 rows of 36 columns: two mask words (or five mask bytes) a row; 8 zeros leave 100 values.
  const shape = { rows: 3, cols: 36, zeros: 8, dtype: 'BF16' } as const;
  expect(memoryBytes('dense', shape)).toBe(216);
  expect(memoryBytes('zeros', shape)).toBe(216);
  expect(memoryBytes('bitmask', shape)).toBe(200 + 24 + 16);
  expect(memoryBytes('csr', shape)).toBe(200 + 200 + 16);
  expect(memoryBytes('km', shape, { keep: 2, group: 4 })).toBe(108 + 24);
  expect(memoryBytes('km', shape)).toBeNull();
  expect(memoryBytes('km', shape, { keep: 4, group: 8 })).toBeNull();
  expect(fileBytes('zeros', shape)).toBe(216);
  expect(fileBytes('bitmask', shape)).toBe(16 + 200 + 15 + 24);
  expect(fileBytes('csr', shape)).toBeNull();
  expect(fileBytes('km', shape, { keep: 2, group: 4 })).toBe(16 + 108 + 15);
  expect(fileBytes('km', shape, { keep: 4, group: 8 })).toBeNull();
  expect(memoryBytes('csr', { ...shape, cols: 65537 })).toBeNull();
});

test('break-even is where the bytes are equal', () => {
  for (const dtype of ['F16', 'F32'] as const)
    for (const format of ['bitmask', 'csr'] as const) {
      const [rows, cols] = [64, 4096];
      const s = breakEvenBytes(format, dtype, cols) as number;
      const at = (sparsity: number): number =>
        memoryBytes(format, { rows, cols, zeros: Math.round(sparsity * rows * cols), dtype }) as number;
      const dense = memoryBytes('dense', { rows, cols, zeros: 0, dtype }) as number;
      expect(at(s - 0.001)).toBeGreaterThan(dense);
      expect(at(s + 0.001)).toBeLessThan(dense);
    }
  expect(breakEvenBytes('zeros', 'F16', 64)).toBeNull();
});

test('what stays dense bounds the speed-up', () => {
  expect(bandwidthSpeedUp(200, 100, 0)).toBe(2);
  expect(bandwidthSpeedUp(200, 100, 100)).toBe(1.5);
  expect(bandwidthSpeedUp(200, 0, 200)).toBe(2);
});
