import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { foundSparsity, ZeroScan } from './zeroScan';

/** A matrix of floats as bytes, rows x cols, row-major. */
const bytesOf = (values: readonly number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);

const scanOf = (values: readonly number[], rows: number, cols: number, pieces = 1): ZeroScan => {
  const scan = new ZeroScan('F32', { rows, cols });
  const bytes = bytesOf(values);
  const step = Math.ceil(values.length / pieces) * 4;
  for (let at = 0; at < bytes.length; at += step) scan.add(bytes.subarray(at, at + step));
  return scan;
};

describe('ZeroScan', () => {
  test('both zeros count, in every dtype', () => {
    const f32 = new ZeroScan('F32', { rows: 1, cols: 4 });
    f32.add(bytesOf([0, -0, 1, Number.MIN_VALUE * 1e300]));
    expect([f32.zeros, f32.count]).toEqual([2, 4]);
    const f16 = new ZeroScan('BF16', { rows: 1, cols: 4 });
    f16.add(new Uint8Array(Uint16Array.of(0, 0x8000, 1, 0x8001).buffer));
    expect([f16.zeros, f16.count]).toEqual([2, 4]);
  });

  test('groups are those of a plain count, however the bytes are cut and the file is laid out', () => {
    const shape = fc.record({ rows: fc.integer({ min: 1, max: 5 }), groups: fc.integer({ min: 1, max: 3 }) });
    fc.assert(
      fc.property(
        shape,
        fc.infiniteStream(fc.boolean()),
        fc.integer({ min: 1, max: 7 }),
        ({ rows, groups }, bits, pieces) => {
          const cols = groups * 8;
          const values = Array.from({ length: rows * cols }, () => (bits.next().value === true ? 1 : 0));
          const most = (length: number): number => {
            let best = 0;
            for (let at = 0; at < values.length; at += length)
              best = Math.max(
                best,
                values.slice(at, at + length).reduce<number>((a, b) => a + b, 0),
              );
            return best;
          };
          const expected = [2, 4, 8, 16].filter((m) => cols % m === 0).map((m) => [m, most(m)]);
          const scan = scanOf(values, rows, cols, pieces);
          expect([...scan.most]).toEqual(expected);
          expect(scan.zeros).toBe(values.filter((v) => v === 0).length);
          const turned = Array.from(
            { length: values.length },
            (_, i) => values[(i % rows) * cols + Math.floor(i / rows)] ?? 0,
          );
          const transposed = new ZeroScan('F32', { rows, cols, transposed: true });
          transposed.add(bytesOf(turned));
          expect([...transposed.most]).toEqual(expected);
        },
      ),
    );
  });
});

describe('foundSparsity', () => {
  const found = (values: number[]) =>
    foundSparsity([{ name: 'w', layer: 0, scan: scanOf(values, 2, values.length / 2) }], 1);
  const repeat = (group: number[]): number[] =>
    Array.from({ length: 64 }, (_, i) => group[i % group.length] ?? 0);

  test.each([
    [[1, 1, 0, 0], '2:4'],
    [[1, 0, 0, 1], '1:2'],
    [[0, 1, 0, 0], '1:4'],
    [[1, 1, 1, 1, 0, 0, 0, 0], '4:8'],
    [[1, 0], '1:2'],
    [[1, 1, 1, 1], null],
    [[0, 0, 0, 0], null],
  ])('%j is %s', (group, pattern) => {
    expect(found(repeat(group)).pattern).toBe(pattern);
  });

  test('one group too full is enough to refuse it', () => {
    const values = repeat([1, 1, 0, 0]);
    values[7] = 1;
    expect(found(values).pattern).toBe(null);
  });

  test('zeros far beyond what a pattern asks for are not called one', () => {
    // Pairs hold at most one, by chance: 1:2 asks for half of the zeros that are there.
    expect(found(repeat([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])).pattern).toBe('1:16');
    const sparse = repeat([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).fill(0, 0, 16);
    expect(found(sparse).pattern).toBe(null);
  });
});
