import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blockMeans, clampRates, spreadToMean, fitRowZeros, weightedMean, wholeZeros } from './postprocess';

describe('clampRates', () => {
  it('puts rates on their bounds and counts them', () => {
    expect(clampRates([-0.1, 0.5, 1.2])).toEqual({ rates: [0, 0.5, 1], clamped: 2 });
    expect(clampRates([0.001, 0.5, 0.995], { lo: 0.01, hi: 0.99 })).toEqual({
      rates: [0.01, 0.5, 0.99],
      clamped: 2,
    });
  });

  it('replaces only what is not positive where the reference does', () => {
    const clamp = { lo: 0.01, hi: 1, onlyNotPositive: true };
    expect(clampRates([-0.02, 0, 0.004, 0.9], clamp)).toEqual({
      rates: [0.01, 0.01, 0.004, 0.9],
      clamped: 2,
    });
  });

  it('does not count rounding', () => {
    expect(clampRates([-1e-17, 1 + 2e-16])).toEqual({ rates: [0, 1], clamped: 0 });
  });
});

describe('spreadToMean', () => {
  it('shifts the rates that are not at a bound', () => {
    const rates = spreadToMean([0.01, 0.5, 0.6], [1, 1, 1], 0.5, { lo: 0.01, hi: 0.99 });
    expect(rates[0]).toBe(0.01);
    expect(rates[1]).toBeCloseTo(0.695, 12);
    expect(rates[2]).toBeCloseTo(0.795, 12);
  });

  it('meets the target within the bounds whatever it is given', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 1, max: 5000 })), { minLength: 1, maxLength: 40 }),
        fc.double({ min: 0.01, max: 0.99, noNaN: true }),
        (pairs, target) => {
          const sizes = pairs.map(([, n]) => n);
          const clamp = { lo: 0.01, hi: 0.99 };
          const { rates } = clampRates(pairs.map(([rate]) => rate), clamp);
          const spread = spreadToMean(rates, sizes, target, clamp);
          expect(weightedMean(spread, sizes)).toBeCloseTo(target, 10);
          expect(Math.min(...spread)).toBeGreaterThanOrEqual(0.01);
          expect(Math.max(...spread)).toBeLessThanOrEqual(0.99);
        },
      ),
      { numRuns: 300 },
    ); // prettier-ignore
  });
});

describe('wholeZeros', () => {
  it('gives every allocation of one target the same number of zeros', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 1, max: 100000 })), { minLength: 1, maxLength: 60 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (pairs, target) => {
          const counts = pairs.map(([, n]) => n);
          const rates = spreadToMean(pairs.map(([rate]) => rate), counts, target);
          const handed = wholeZeros(rates, counts, target);
          const total = counts.reduce((sum, n) => sum + n, 0);
          const zeros = handed.reduce((sum, rate, k) => sum + Math.floor((counts[k] ?? 0) * rate), 0);
          expect(zeros).toBe(Math.round(target * total));
          handed.forEach((rate, k) => {
            expect(Math.abs(rate - (rates[k] ?? 0)) * (counts[k] ?? 0)).toBeLessThan(2);
          });
        },
      ),
      { numRuns: 300 },
    ); // prettier-ignore
  });
});

describe('blockMeans', () => {
  it('weighs matrices by their size', () => {
    const matrices = [{ layer: 0, count: 100 }, { layer: 0, count: 300 }, { layer: 1, count: 5 }]; // prettier-ignore
    expect(blockMeans([0.2, 0.6, 1], matrices, 2)).toEqual([0.5, 1]);
  });
});

describe('fitRowZeros', () => {
  it('adds up to the total and changes rows by no more than it must', () => {
    const rows = Uint32Array.of(5, 0, 10, 7, 3);
    expect([...fitRowZeros(rows, 10, 25)]).toEqual([...rows]);
    for (const total of [0, 3, 24, 27, 49, 50]) {
      const fitted = fitRowZeros(rows, 10, total);
      expect(fitted.reduce((a, b) => a + b, 0)).toBe(total);
      expect(Math.max(...fitted)).toBeLessThanOrEqual(10);
    }
    expect(Math.max(...fitRowZeros(rows, 10, 27).map((z, r) => z - (rows[r] ?? 0)))).toBe(1);
  });
});
