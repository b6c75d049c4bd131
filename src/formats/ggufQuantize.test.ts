/** What the lab writes is what the gguf package would write (scripts/fixtures/make_gguf.py). */
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { fileShape, fromFileLayout, toFileLayout, type Layout } from './ggufLayout';
import { encodeValues, WRITTEN_TYPES, type WrittenType } from './ggufQuantize';
import { BLOCK_TYPES } from './ggufTypes';

const { cases } = JSON.parse(await readFile('src/testing/fixtures/gguf/blocks.json', 'utf8')) as {
  cases: { written: { values: string; q8_0: string } };
};
const packed = Uint8Array.from(Buffer.from(cases.written.values, 'base64'));
const values = new Float32Array(packed.buffer);

test('Q8_0 is that of the gguf package, byte for byte', () => {
  const { bytes } = encodeValues(values, 'Q8_0');
  expect(Buffer.from(bytes).toString('base64')).toBe(cases.written.q8_0);
});

describe('zeros are counted as they read back, and stay zero', () => {
  test.each(Object.keys(WRITTEN_TYPES) as WrittenType[])('%s', (name) => {
    const { bytes, zeros } = encodeValues(values, name);
    const back = new Float32Array(values.length);
    BLOCK_TYPES.get(WRITTEN_TYPES[name].id)?.decode(bytes, back);
    expect(zeros).toBe(back.reduce((sum, v) => sum + (v === 0 ? 1 : 0), 0));
    values.forEach((v, i) => {
      if (v === 0) expect(back[i]).toBe(0);
    });
  });
});

describe('layouts go there and back', () => {
  test.each([
    { kind: 'same' },
    { kind: 'pairs', headRows: 6 },
    { kind: 'plusOne' },
    { kind: 'transposed' },
    { kind: 'apart', heads: 2 },
  ] as Layout[])('%j', (layout) => {
    const rows = 12;
    const given = Float32Array.from({ length: rows * 5 }, (_, i) => i);
    const there = toFileLayout(given, 5, layout);
    if (layout.kind !== 'same') expect(there).not.toEqual(given);
    expect(fromFileLayout(there, 5, layout)).toEqual(given);
  });

  test('pairs: row 0 and row d/2 of a head stand side by side', () => {
    expect([...toFileLayout(Float32Array.of(0, 1, 2, 3), 1, { kind: 'pairs', headRows: 4 })]).toEqual([
      0, 2, 1, 3,
    ]);
  });

  test('a vector is rows of one value', () => {
    expect(fileShape([7])).toEqual([7, 1]);
    expect(fileShape([3, 7])).toEqual([3, 7]);
  });
});
