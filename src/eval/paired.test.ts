import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bestBeta, tiedBetas } from './betaChoice';
import { comparePaired, studentQuantile } from './paired';

describe('studentQuantile', () => {
  it.each([
    [0.975, 1, 12.706204736432095],
    [0.975, 2, 4.302652729911275],
    [0.975, 3, 3.182446305284263],
    [0.975, 15, 2.131449545559323],
    [0.975, 30, 2.042272456301238],
    [0.995, 5, 4.032142983557536],
    [0.9, 7, 1.4149239276488585],
  ])('of %d with %d degrees is %d', (p, degrees, expected) => {
    expect(studentQuantile(p, degrees)).toBeCloseTo(expected, 9);
    expect(studentQuantile(1 - p, degrees)).toBeCloseTo(-expected, 9);
  });

  it('tends to the normal quantile', () => {
    expect(studentQuantile(0.975, 1e6)).toBeCloseTo(1.959963984540054, 5);
  });
});

describe('comparePaired', () => {
  it('is the t interval of the mean difference, exponentiated', () => {
    const comparison = comparePaired([2.1, 3.2, 2.7], [2, 3, 2.6]);
    // differences 0.1, 0.2, 0.1: mean 0.4/3, standard error 1/30
    expect(comparison?.ratio).toBeCloseTo(Math.exp(0.4 / 3), 12);
    expect(comparison?.low).toBeCloseTo(Math.exp(0.4 / 3 - 4.302652729911275 / 30), 9);
    expect(comparison?.high).toBeCloseTo(Math.exp(0.4 / 3 + 4.302652729911275 / 30), 9);
    expect(comparison?.distinguishable).toBe(false);
  });

  it('tells a steady difference from none, whatever the windows themselves are like', () => {
    const b = [1, 9, 4, 6];
    expect(
      comparePaired(
        b.map((loss, k) => loss + 0.1 + 0.001 * k),
        b,
      )?.distinguishable,
    ).toBe(true);
    expect(comparePaired(b, b)).toMatchObject({ ratio: 1, low: 1, high: 1, distinguishable: false });
  });

  it('has no interval for one window and no result for unusable losses', () => {
    expect(comparePaired([2], [1])).toMatchObject({ low: null, high: null, distinguishable: false });
    expect(comparePaired([], [])).toBeNull();
    expect(comparePaired([1, 2], [1])).toBeNull();
    expect(comparePaired([1, Infinity], [1, 2])).toBeNull();
  });

  it('is inverted by swapping the sides', () => {
    const losses = fc.array(fc.double({ min: 0, max: 12, noNaN: true }), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(losses, losses, (a, b) => {
        const forth = comparePaired(a, b);
        const back = comparePaired(b, a);
        expect((forth?.ratio ?? 0) * (back?.ratio ?? 0)).toBeCloseTo(1, 9);
        expect(forth?.distinguishable).toBe(back?.distinguishable);
        expect(Math.log(forth?.low ?? NaN)).toBeCloseTo(-Math.log(back?.high ?? NaN), 9);
      }),
      { numRuns: 50 },
    );
  });
});

describe('choosing beta', () => {
  const point = (beta: number, losses: number[] | null) => ({
    beta,
    perplexity: losses && Math.exp(losses.reduce((a, b) => a + b, 0) / losses.length),
    sparsity: [],
    cumulative: null,
    ...(losses && { losses }),
  });

  it('takes the smallest finite perplexity, the smaller beta on a tie, never a negative one', () => {
    expect(bestBeta([point(-0.1, [1, 1]), point(0, [3, 3]), point(0.02, [2, 2]), point(0.01, [2, 2])])).toBe(
      0.01,
    );
    expect(bestBeta([point(0, null), point(0.01, null)])).toBeNull();
    expect(bestBeta([])).toBeNull();
  });

  it('names the betas that cannot be told from the best', () => {
    const points = [
      point(0, [3, 4, 5]),
      point(0.01, [2, 3.1, 4]),
      point(0.02, [2.05, 3, 4]),
      point(0.03, null),
      point(-0.01, [2, 3.1, 4]),
    ];
    const best = bestBeta(points);
    expect(best).toBe(0.02);
    expect(tiedBetas(points, best)).toEqual([0.01, 0.02]);
    expect(tiedBetas(points, null)).toEqual([]);
  });
});
