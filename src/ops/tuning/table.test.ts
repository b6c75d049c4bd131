import { describe, expect, test } from 'vitest';
import { decide, emptyTable, median, readTable, writeTable } from './table';

const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

describe('decide', () => {
  test('medians of odd and even counts', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(median([7])).toBe(7);
  });

  test('the fastest median wins where it gains enough, one slow round aside', () => {
    expect(decide('a', { a: [10, 10, 10], b: [5, 6, 90], c: [7, 7, 7] })).toBe('b');
  });

  test('a gain within the noise keeps the prior', () => {
    expect(decide('a', { a: [10, 10, 10], b: [8.8, 8.8, 8.8] })).toBe('a');
    expect(decide('a', { a: [10, 10, 10], b: [8.6, 8.6, 8.6] })).toBe('b');
  });

  test('too few rounds, or nothing, keep the prior', () => {
    expect(decide('a', { a: [10, 10, 10], b: [1, 1] })).toBe('a');
    expect(decide('a', {})).toBe('a');
  });
});

describe('the stored table', () => {
  const table = {
    ...emptyTable('1'),
    adapters: {
      z: { choices: { 'matmul 32': 'tiled', 'attention few x 64': 'flash' }, disabled: ['matmul.subgroup'] },
      a: { choices: {}, disabled: [] },
    },
  };

  test('goes out and comes back, equal tables as equal bytes', () => {
    const written = writeTable(table);
    expect(readTable(written, '1')).toEqual(table);
    const other = { ...table, adapters: { a: table.adapters.a, z: table.adapters.z } };
    expect(writeTable(other)).toEqual(written);
  });

  test('of another version, or no table at all, counts as none', () => {
    expect(readTable(writeTable(table), '2')).toEqual(emptyTable('2'));
    expect(readTable(null, '1')).toEqual(emptyTable('1'));
    for (const wrong of [null, [], 3, { schema: 'prunelab.kernels/2', version: '1', adapters: {} }])
      expect(readTable(bytes(wrong), '1')).toEqual(emptyTable('1'));
    expect(readTable(new Uint8Array([1, 2, 3]), '1')).toEqual(emptyTable('1'));
  });

  test('an entry that this program would not write is left out, the others stay', () => {
    const adapters = {
      good: { choices: { c: 'tiled' }, disabled: [] },
      noChoices: { disabled: [] },
      badName: { choices: { c: 'no name!' }, disabled: [] },
      badKind: { choices: { c: 3 }, disabled: [] },
      badDisabled: { choices: {}, disabled: [3] },
    };
    expect(readTable(bytes({ ...emptyTable('1'), adapters }), '1').adapters).toEqual({ good: adapters.good });
  });
});
