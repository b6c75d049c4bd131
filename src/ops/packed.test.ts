import { describe, expect, test } from 'vitest';
import { DTYPE_BYTES, fromF32, type FloatDtype } from '../core/dtypes';
import { memoryBytes, type Groups } from '../core/sparseSizes';
import { mostKept, packable, packRows, PACKED_FORMATS, type PackedFormat } from './packed';
import { unpackRef } from './packed.ref';
import { trialMask } from './packedTrial';
import { normals } from './trial';

const CASES: [PackedFormat, number, number, Groups | null][] = [
  ...PACKED_FORMATS.filter((f) => f !== 'km').flatMap((f): [PackedFormat, number, number, null][] => [
    [f, 11, 36, null],
    [f, 3, 4, null],
    [f, 5, 2112, null],
  ]),
  ['km', 11, 36, { keep: 2, group: 4 }],
  ['km', 9, 40, { keep: 3, group: 8 }],
  ['km', 4, 64, { keep: 5, group: 32 }],
];

describe('packing', () => {
  test.each(CASES)('%s of %i x %i gives every kept bit back', (format, rows, cols, groups) => {
    for (const dtype of ['F32', 'F16', 'BF16'] as FloatDtype[]) {
      const mask = trialMask(rows, cols, groups, 0.6);
      const bytes = fromF32(normals(rows * cols, 3), dtype);
      const bits = DTYPE_BYTES[dtype] === 2 ? new Uint16Array(bytes.buffer) : new Uint32Array(bytes.buffer);
      const words = Math.ceil(cols / 32);
      const kept = (i: number): boolean =>
        (((mask[Math.floor(i / cols) * words + ((i % cols) >> 5)] ?? 0) >>> ((i % cols) & 31)) & 1) === 1;
      // The mask covers its case: an empty row and one as full as it may be.
      expect([...mask.subarray(words, 2 * words)].every((word) => word === 0)).toBe(true);
      const packed = packRows(bytes, mask, { cols, dtype }, format, groups);
      const want = Array.from(bits, (value, i) => (kept(i) ? value : 0));
      expect(unpackRef(packed, { rows, cols, dtype }, format, groups)).toEqual(want);

      const zeros = want.filter((_, i) => !kept(i)).length;
      const size = packed.values.byteLength + packed.index.byteLength + packed.offsets.byteLength;
      const predicted = memoryBytes(format, { rows, cols, zeros, dtype }, groups) ?? NaN;
      // Columns fill whole words.
      expect(size - predicted).toBe(format === 'csr' ? ((rows * cols - zeros) % 2) * 2 : 0);
    }
  });

  test('a group with too few kept weights is filled with zeros', () => {
    const packed = packRows(
      fromF32([1, 2, 3, 4, 5, 6, 7, 8], 'F32'),
      Uint32Array.of(0b1000_0110),
      { cols: 8, dtype: 'F32' },
      'km',
      { keep: 2, group: 4 },
    );
    expect([...packed.index]).toEqual([0b1001_0110]);
    expect([...new Float32Array(packed.values.buffer)]).toEqual([2, 3, 0, 8]);
  });

  test('the most kept weights of any group', () => {
    const mask = Uint32Array.of(0b0000_0111, 0x80000000);
    expect(mostKept(mask, 4)).toBe(3);
    expect(mostKept(mask, 2)).toBe(2);
    expect(mostKept(Uint32Array.of(0xffffffff), 32)).toBe(32);
    expect(mostKept(Uint32Array.of(0), 8)).toBe(0);
  });

  test('what can be packed', () => {
    expect(packable('bitmask', 36, null)).toBe(true);
    expect(packable('bitmask', 34, null)).toBe(false);
    expect(packable('csr', 65540, null)).toBe(false);
    expect(packable('km', 36, null)).toBe(false);
    expect(packable('km', 36, { keep: 2, group: 4 })).toBe(true);
    expect(packable('km', 36, { keep: 2, group: 8 })).toBe(false);
    expect(packable('km', 36, { keep: 2, group: 12 })).toBe(false);
  });
});
