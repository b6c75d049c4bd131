import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { splitRange, splitTiles } from './split';

describe('splitTiles', () => {
  test('covers every element once, begins at whole units, and stays under the cost where a unit does', () => {
    const sizes = fc.record({
      rows: fc.integer({ min: 1, max: 300 }),
      cols: fc.integer({ min: 1, max: 300 }),
      rowUnit: fc.constantFrom(1, 8, 64),
      colUnit: fc.constantFrom(1, 16, 64),
      costPerElement: fc.integer({ min: 1, max: 1000 }),
      maxCost: fc.integer({ min: 1, max: 10_000_000 }),
    });
    fc.assert(
      fc.property(sizes, (o) => {
        const seen = new Uint8Array(o.rows * o.cols);
        for (const t of splitTiles(o)) {
          expect(t.rowBegin % o.rowUnit).toBe(0);
          expect(t.colBegin % o.colUnit).toBe(0);
          const cost = t.rows * t.cols * o.costPerElement;
          const smallest = Math.min(o.rowUnit, o.rows) * Math.min(o.colUnit, o.cols) * o.costPerElement;
          expect(cost).toBeLessThanOrEqual(Math.max(o.maxCost, smallest));
          for (let r = t.rowBegin; r < t.rowBegin + t.rows; r++) {
            for (let c = t.colBegin; c < t.colBegin + t.cols; c++)
              seen[r * o.cols + c] = (seen[r * o.cols + c] ?? 0) + 1;
          }
        }
        expect(seen.every((n) => n === 1)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test('pieces are even: 33 units of which 32 fit make two halves, not 32 and 1', () => {
    expect([...splitRange(33 * 8, 8, 1, 32 * 8)]).toEqual([
      { begin: 0, end: 17 * 8 },
      { begin: 17 * 8, end: 33 * 8 },
    ]);
    expect([...splitRange(0, 8, 1, 100)]).toEqual([]);
  });
});
