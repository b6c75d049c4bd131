/** Allocations over facts that are given: the golden vectors of docs/methods.md and what holds for any facts. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Rng } from '../../core/rng';
import { allocations, findAllocation, weightedMean, type AllocationInput } from './index';
import { afterwards, PUBLISHED } from '../measures/expression';
import { independence, knapsackRates, worthOf } from './als';
import type { Facts } from './facts';
import { blockLambdas, linearRates, rowZerosOf } from './neuronal';

const input = (layers: number, sparsity: number, facts: Facts, params = {}): AllocationInput => ({
  layers,
  sizes: new Array<number>(layers).fill(1000),
  sparsity,
  params,
  facts,
  matrices: Array.from({ length: layers }, (_, layer) => ({
    name: `m${layer}`,
    layer,
    rows: 10,
    cols: 100,
    count: 1000,
  })),
});
const close = (got: readonly number[], want: readonly number[], digits: number): void => {
  expect(got).toHaveLength(want.length);
  got.forEach((value, i) => expect(value).toBeCloseTo(want[i] as number, digits));
};

describe('owl', () => {
  const owl = findAllocation('owl');

  it('matches the golden vector', () => {
    close(owl.allocate(input(4, 0.7, { outliers: [10, 6, 4, 2] })).layers, [0.61, 0.69, 0.73, 0.77], 12);
  });

  it('has a range of 2 lambda and plain mean S before clamping', () => {
    const d = fc.array(fc.double({ min: 0, max: 50, noNaN: true }), { minLength: 2, maxLength: 40 });
    fc.assert(
      fc.property(d, (outliers) => {
        fc.pre(Math.max(...outliers) - Math.min(...outliers) > 1e-6);
        const { layers, clamped } = owl.allocate(input(outliers.length, 0.5, { outliers }));
        expect(clamped).toBe(0);
        expect(Math.max(...layers) - Math.min(...layers)).toBeCloseTo(0.16, 12);
        expect(layers.reduce((a, b) => a + b, 0) / layers.length).toBeCloseTo(0.5, 12);
      }),
    );
  });

  it('replaces rates that are not positive by 0.01, and says how many', () => {
    const { layers, clamped, nominalMean } = owl.allocate(input(4, 0.05, { outliers: [10, 6, 4, 2] }));
    expect(layers[0]).toBe(0.01);
    expect(clamped).toBe(1);
    expect(nominalMean).toBeGreaterThan(0.05);
    const exact = owl.allocate(input(4, 0.05, { outliers: [10, 6, 4, 2] }, { exactMean: true }));
    expect(exact.nominalMean).toBeCloseTo(0.05, 12);
  });
});

describe('alphapruning', () => {
  const alphapruning = findAllocation('alphapruning');
  const LLAMA_2 = [2.136, 2.706, 3.123, 3.124, 3.142, 3.133, 3.013, 3.072, 2.808, 2.910, 2.714, 2.676, 2.844, 3.013, 3.052, 3.121, 3.439, 3.688, 3.976, 3.805, 4.334, 4.274, 4.197, 4.121, 4.195, 4.093, 3.699, 4.244, 4.158, 4.085, 4.278, 3.483]; // prettier-ignore
  const LLAMA = [2.622, 2.890, 2.969, 2.964, 3.090, 3.064, 2.961, 2.746, 2.775, 2.609, 2.717, 2.730, 2.784, 2.852, 2.897, 3.177, 3.123, 3.446, 3.872, 3.606, 3.894, 4.066, 3.755, 3.715, 3.994, 4.220, 4.102, 4.160, 3.851, 4.093, 4.160, 3.537]; // prettier-ignore
  const rates = (alphas: number[], alphaEps: number): number[] =>
    alphapruning.allocate(input(alphas.length, 0.7, { alphas }, { alphaEps })).layers;

  it('matches the golden vector', () => {
    close(rates([2, 3, 4, 5], 0.3), [0.49, 0.63, 0.77, 0.91], 12);
  });

  it("matches the authors' alphas of two models within their rounding", () => {
    const near = (value: number | undefined, want: number): void =>
      expect(Math.abs((value ?? NaN) - want)).toBeLessThan(2e-4);
    const two = rates(LLAMA_2, 0.3);
    near(two[0], 0.4619);
    near(two[1], 0.5646);
    near(two[20], 0.8578);
    near(two[31], 0.7045);
    const one = rates(LLAMA, 0.2);
    near(one[0], 0.5703);
    near(one[9], 0.568);
    near(one[25], 0.8521);
  });

  it('has the ratio of (1 + eps) / (1 - eps), size-weighted mean S, and clamps to 0.99', () => {
    const layers = rates([2, 3, 7, 5], 0.3);
    expect(Math.max(...layers) / Math.min(...layers)).toBeCloseTo(1.3 / 0.7, 12);
    const sizes = [100, 200, 300, 5000];
    const uneven = alphapruning.allocate({ ...input(4, 0.6, { alphas: [2, 3, 4, 5] }), sizes });
    expect(weightedMean(uneven.layers, sizes)).toBeCloseTo(0.6, 12);
    const high = alphapruning.allocate(input(4, 0.9, { alphas: [2, 3, 4, 5] }));
    expect(high.layers[3]).toBe(0.99);
    expect(high.clamped).toBe(1);
  });

  it('takes the mean of the others where a matrix has no spectrum', () => {
    const { facts } = alphapruning.allocate(input(3, 0.5, { alphas: [2, null, 4] }));
    expect(facts?.['alpha']).toEqual([2, 3, 4]);
  });
});

describe('dsa', () => {
  const dsa = findAllocation('dsa');

  it('matches the golden vector: an undefined value counts as 0 and ends up densest', () => {
    const importance = [1, 1.2, 1.4, 1.6].map((v) => afterwards(PUBLISHED.post, v));
    close(importance, [0.903339, 1.067626, 1.254992, 0], 6);
    close(dsa.allocate(input(4, 0.7, { importance })).layers, [0.712347, 0.733293, 0.75718, 0.59718], 6);
  });
});

describe('als', () => {
  const psi = [[1, 0.5, 0.2], [0.5, 1, 0.3], [0.2, 0.3, 1]]; // prettier-ignore
  const params = { alsWithin: false, alsNormalise: false };

  it('matches the golden vectors', () => {
    close(independence(psi), [0.290749, 0.263597, 0.367879], 6);
    close(worthOf(psi), [0.307409, 0.315738, 0.367879], 6);
    close(findAllocation('als').allocate(input(3, 0.5, { blockSimilarity: psi }, params)).layers, [0.7, 0.5, 0.3], 12); // prettier-ignore
  });

  it('is no worse than any feasible choice', () => {
    const rng = new Rng(1, 'als');
    const sizes = [900, 400, 650, 1000, 300];
    const total = sizes.reduce((a, b) => a + b, 0);
    const worth = sizes.map(() => rng.float());
    const rates = knapsackRates(worth, sizes, 0.6, { bound: 0.2, grain: 0 }) ?? [];
    const value = (s: readonly number[]): number =>
      s.reduce((sum, rate, i) => sum + (worth[i] ?? 0) * (1 - rate), 0);
    expect(weightedMean(rates, sizes)).toBeCloseTo(0.6, 12);
    let feasible = 0;
    while (feasible < 1000) {
      const other = sizes.map(() => 0.4 + 0.4 * rng.float());
      if (other.reduce((sum, s, i) => sum + (1 - s) * (sizes[i] ?? 0), 0) > 0.4 * total) continue;
      feasible++;
      expect(value(rates)).toBeGreaterThanOrEqual(value(other));
    }
  });

  it('gives multiples of the granularity whose mean is still near S', () => {
    const sizes = [900, 400, 650, 1000, 300];
    const rates = knapsackRates([3, 1, 2, 5, 4], sizes, 0.6137, { bound: 0.2, grain: 0.005 }) ?? [];
    expect(weightedMean(rates, sizes)).toBeCloseTo(0.6137, 2);
    const between = rates.filter((rate) => rate > 0.4137 + 1e-9 && rate < 0.8137 - 1e-9);
    for (const rate of between) expect(Math.abs(rate / 0.005 - Math.round(rate / 0.005))).toBeLessThan(1e-9);
  });

  it('shares a block out among its matrices', () => {
    const base = input(2, 0.5, {});
    const matrices = [0, 1].flatMap((layer) =>
      [0, 1].map((k) => ({ name: `${layer}${k}`, layer, rows: 10, cols: 50, count: 500 })),
    );
    const facts = {
      blockSimilarity: [[1, 0.9], [0.9, 1]],
      inputSimilarity: [[[1, 0.2], [0.2, 1]], [[1, 0.4], [0.4, 1]]],
      magnitudes: [1, 1.1, 2, 1],
    }; // prettier-ignore
    const { layers, matrices: rates = [] } = findAllocation('als').allocate({ ...base, matrices, facts });
    expect(weightedMean(layers, base.sizes)).toBeCloseTo(0.5, 12);
    expect(rates[0]).toBeLessThan(rates[1] ?? 0);
    expect(rates[3]).toBeLessThan(rates[2] ?? 0);
  });
});

describe('neuronal', () => {
  it('spreads the blocks linearly: lambda 0.25 over 32 layers is a beta of 0.016129', () => {
    const rates = linearRates(32, 0.5, 0.25);
    expect((rates[1] as number) - (rates[0] as number)).toBeCloseTo(0.016129, 6);
    expect(rates[0]).toBeCloseTo(0.25, 12);
    close(linearRates(4, 0.9, 0.2), [0.7, 0.7 + 0.4 / 3, 0.7 + 0.8 / 3, 0.99], 12);
    expect(blockLambdas(0.7)).toHaveLength(14);
    expect(blockLambdas(0.8)).toHaveLength(13);
  });

  it('keeps more in rows of larger alignment, and about the same in all', () => {
    const zeros = rowZerosOf([0, 1, 2, 3, 4], 0.5, 0.1, 1000);
    expect([...(zeros ?? [])]).toEqual(
      [601, 550, 500, 450, 400].map((z) => expect.closeTo(z, -0.5) as number),
    );
    expect(rowZerosOf([1, 1, 1], 0.5, 0.1, 10)).toBeNull();
    expect(rowZerosOf([1, 2, 3], 0.5, 0, 10)).toBeNull();
  });
});

describe('global', () => {
  it('may empty a matrix, but not one whose weights are to make up for the loss', () => {
    const asked = input(3, 0.7, { globalZeros: [1000, 995, 105] });
    const plain = findAllocation('global').allocate(asked);
    expect([plain.layers, plain.clamped]).toEqual([[1, 0.995, 0.105], 0]);
    const { layers, clamped, nominalMean } = findAllocation('global').allocate({ ...asked, updates: true });
    expect([layers, clamped]).toEqual([[0.99, 0.99, 0.105], 2]);
    expect(nominalMean).toBeCloseTo(0.695, 12);
  });
});

describe('identical blocks', () => {
  const one = (n: number, value: number): number[] => new Array<number>(n).fill(value);
  const facts: Facts = {
    outliers: one(4, 3),
    importance: one(4, 1.2),
    alphas: one(4, 2.5),
    blockSimilarity: one(4, 0).map(() => one(4, 1)),
    inputSimilarity: one(4, 0).map(() => [[1]]),
    magnitudes: one(4, 0.1),
    globalZeros: one(4, 700),
    lampZeros: one(4, 700),
    searched: one(4, 0.7),
  };
  const slope = new Set(['atp', 'neuronal', 'er-plus', 'custom']);
  it.each(allocations.filter(({ id }) => !slope.has(id)).map(({ id }) => id))('%s: uniform', (id) => {
    const { layers } = findAllocation(id).allocate({
      ...input(4, 0.7, facts),
      matrices: [0, 1, 2, 3].map((layer) => ({ name: `${layer}`, layer, rows: 10, cols: 100, count: 1000 })),
    });
    close(layers, [0.7, 0.7, 0.7, 0.7], 12);
  });

  it.each(['owl', 'dsa', 'alphapruning', 'als'])('%s says that it fell back', (id) => {
    expect(findAllocation(id).allocate(input(4, 0.7, facts)).fallback).toMatch(/uniform/);
  });

  it.each(allocations.filter(({ id }) => id !== 'custom').map(({ id }) => id))(
    '%s: nothing goes at 0 and all at 1, without facts',
    (id) => {
      for (const sparsity of [0, 1])
        expect(findAllocation(id).allocate({ ...input(4, sparsity, {}), facts: undefined }).layers).toEqual(
          one(4, sparsity),
        );
    },
  );
});
