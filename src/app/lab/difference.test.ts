import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitAtDifference } from './difference';

describe('splitAtDifference', () => {
  it('marks the first differing word whole', () => {
    const { dense, pruned } = splitAtDifference(' over the water, now', ' over the wave and', false);
    expect(dense).toEqual({ same: ' over the ', first: 'water,', rest: ' now' });
    expect(pruned).toEqual({ same: ' over the ', first: 'wave', rest: ' and' });
  });

  it('waits while one side is only shorter', () => {
    expect(splitAtDifference(' over the water', ' over', true).dense.first).toBe('');
    expect(splitAtDifference(' over the water', ' over', false).dense).toMatchObject({
      same: ' over ',
      first: 'the',
    });
    expect(splitAtDifference(' same', ' same', false).pruned).toEqual({ same: ' same', first: '', rest: '' });
  });

  it('loses no character', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', ' '), maxLength: 20 });
    fc.assert(
      fc.property(text, text, fc.boolean(), (a, b, writing) => {
        const { dense, pruned } = splitAtDifference(a, b, writing);
        expect(dense.same + dense.first + dense.rest).toBe(a);
        expect(pruned.same + pruned.first + pruned.rest).toBe(b);
      }),
    );
  });
});
