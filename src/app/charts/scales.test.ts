import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { layerTicks, linearAxis, logAxis, perplexityAxis } from './scales';

const positives = fc.array(fc.double({ min: 1e-9, max: 1e9, noNaN: true }), { minLength: 1, maxLength: 8 });

describe('axes', () => {
  it('hold every value, with at least two ascending ticks inside', () => {
    fc.assert(
      fc.property(positives, (values) => {
        for (const { domain, ticks } of [logAxis(values), linearAxis(values), perplexityAxis(values)]) {
          expect(domain[0]).toBeLessThanOrEqual(Math.min(...values) * (1 + 1e-6));
          expect(domain[1]).toBeGreaterThanOrEqual(Math.max(...values) * (1 - 1e-6));
          expect(domain[1]).toBeGreaterThan(domain[0]);
          expect(ticks.every((tick, i) => i === 0 || tick > (ticks[i - 1] as number))).toBe(true);
          expect(ticks.length).toBeLessThan(16);
        }
      }),
    );
  });

  it('survive nothing, nulls and equal values', () => {
    expect(logAxis([null, 0, NaN]).domain).toEqual([1, 10]);
    expect(linearAxis([])).toEqual({ domain: [0, 1], ticks: [] });
    expect(linearAxis([3, 3]).domain[0]).toBeLessThan(3);
    expect(logAxis([100, 100]).domain).toEqual([100, 200]);
  });

  it('use decades, and less where there is one', () => {
    expect(logAxis([35, 25000]).ticks).toEqual([100, 1000, 10000]);
    expect(logAxis([12, 45])).toEqual({ domain: [10, 50], ticks: [10, 20, 30, 50] });
  });

  it('are logarithmic for perplexities that differ much', () => {
    expect(perplexityAxis([40, 60]).log).toBe(false);
    expect(perplexityAxis([40, 900])).toEqual({
      domain: [20, 1000],
      ticks: [20, 50, 100, 200, 500, 1000],
      log: true,
    });
  });
});

describe('layerTicks', () => {
  it('begins at 1 and ends at L, whatever the room', () => {
    for (const layers of [1, 2, 16, 30, 60, 61]) {
      for (const width of [200, 500, 2000]) {
        const ticks = layerTicks(layers, width);
        expect([ticks[0], ticks.at(-1)]).toEqual([1, layers]);
        expect(ticks.length).toBeLessThanOrEqual(Math.max(2, width / 44) + 1);
      }
    }
    expect(layerTicks(16, 600)).toEqual([1, 3, 5, 7, 9, 11, 13, 16]);
  });
});
