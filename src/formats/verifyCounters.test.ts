import { describe, expect, test } from 'vitest';
import { ZeroCounter } from './verifyCounters';

const PATTERN = { keep: 2, group: 4 };

/** F32 bytes of a [rows, cols] matrix of zeros and ones. */
const bytesOf = (values: readonly number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);

describe('groups of a matrix stored as [inputs, outputs]', () => {
  // Three outputs of eight inputs; only the second output keeps three of its first four.
  const outputs = [
    [1, 1, 0, 0, 0, 1, 1, 0],
    [1, 1, 0, 1, 0, 0, 0, 0],
    [0, 0, 1, 1, 1, 0, 0, 1],
  ];
  const turned = Array.from({ length: 8 }, (_, input) => outputs.map((o) => o[input] ?? 0)).flat();

  test('are counted down the columns, in chunks cut anywhere', () => {
    const straight = new ZeroCounter(4, PATTERN, null);
    straight.add(bytesOf(outputs.flat()));
    for (const cut of [0, 1, 5, 12, 23]) {
      const counter = new ZeroCounter(4, PATTERN, null, 3);
      counter.add(bytesOf(turned.slice(0, cut)));
      counter.add(bytesOf(turned.slice(cut)));
      const { zeros, count, groups, fullGroups } = counter;
      expect({ zeros, count, groups, fullGroups }).toEqual({
        zeros: 13,
        count: 24,
        groups: 6,
        fullGroups: 1,
      });
      expect([straight.zeros, straight.groups, straight.fullGroups]).toEqual([zeros, groups, fullGroups]);
    }
  });

  test('are others than those along the rows of the file', () => {
    const counter = new ZeroCounter(4, PATTERN, null);
    counter.add(bytesOf(turned));
    expect(counter.fullGroups).not.toBe(1);
  });
});

test('zeros of either sign are counted wherever the bytes begin', () => {
  const half = Uint8Array.of(9, 0, 0, 0, 0x80, 1, 0, 0, 1, 0, 0x7c);
  for (const begin of [0, 1, 2, 3]) {
    const bytes = new Uint8Array(begin + 10);
    bytes.set(half.subarray(1), begin);
    const counter = new ZeroCounter(2, null, null);
    counter.add(bytes.subarray(begin));
    expect([counter.zeros, counter.count]).toEqual([2, 5]);
  }
  const single = new ZeroCounter(4, null, null);
  single.add(bytesOf([0, -0, 1, 1e-45, NaN]));
  single.add(bytesOf([0]));
  expect([single.zeros, single.count]).toEqual([3, 6]);
});
