import fc from 'fast-check';
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { LabError } from '../../core/errors';
import { allocations, atpRates, betaGrid, betaMax, findAllocation, isLegalBeta, matrixRates, weightedMean, withControl, type MatrixSize } from './index'; // prettier-ignore

const sizes = (layers: number): number[] => new Array<number>(layers).fill(1000);
const sparsityArb = fc.double({ min: 0, max: 1, noNaN: true });

describe('registry', () => {
  it('lists every allocation file of the folder', () => {
    const helpers = new Set(['index', 'define', 'decimal', 'facts', 'per', 'postprocess', 'spread', 'mixed']);
    const files = readdirSync(new URL('.', import.meta.url))
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
      .map((file) => file.slice(0, -3))
      .filter((file) => !helpers.has(file));
    expect(allocations.map(({ id }) => id).sort()).toEqual(files.sort());
  });

  it('refuses an unknown id by name', () => {
    expect(() => findAllocation('owl2')).toThrow(/no allocation "owl2"/);
  });
});

/** Three blocks of the shapes of a gated model, the last of them narrower. */
const matricesOf = (layers: number): MatrixSize[] =>
  Array.from({ length: layers }, (_, layer) =>
    [[8, 8], [8, 8], [4, 8], [16, 8], [8, layer === layers - 1 ? 12 : 16]].map(([rows = 0, cols = 0], k) => ({
      name: `${layer}.${k}`,
      layer,
      rows,
      cols,
      count: rows * cols,
    })),
  ).flat(); // prettier-ignore
const sizesOf = (matrices: readonly MatrixSize[], layers: number): number[] =>
  Array.from({ length: layers }, (_, i) =>
    matrices.reduce((sum, m) => sum + (m.layer === i ? m.count : 0), 0),
  );

describe.each(allocations.filter(({ listed, needs }) => listed && needs({}).length === 0))(
  '$id',
  (allocation) => {
    it('gives L rates in [0, 1], the same each time; their mean is S when asked for', () => {
      fc.assert(
        fc.property(
          sparsityArb,
          fc.integer({ min: 1, max: 20 }),
          fc.double({ min: 0, max: 1, noNaN: true }),
          (sparsity, layers, t) => {
            const matrices = matricesOf(layers);
            const input = {
              layers,
              sizes: sizesOf(matrices, layers),
              sparsity,
              matrices,
              params: { beta: t * (betaMax(sparsity, layers) ?? 0), exactMean: true },
            };
            const result = allocation.allocate(input);
            expect(result.layers).toHaveLength(layers);
            expect(result.layers.every((rate) => rate >= 0 && rate <= 1)).toBe(true);
            expect(Math.abs(weightedMean(result.layers, input.sizes) - sparsity)).toBeLessThan(1e-11);
            expect(result.nominalMean).toBeCloseTo(sparsity, 10);
            expect(allocation.allocate(input)).toEqual(result);
          },
        ),
        { numRuns: 100 },
      );
    });

    it('refuses an illegal target', () => {
      for (const sparsity of [-0.01, 1.01, NaN]) {
        expect(() => allocation.allocate({ layers: 4, sizes: sizes(4), sparsity, params: {} })).toThrow(
          LabError,
        );
      }
      expect(() => allocation.allocate({ layers: 4, sizes: sizes(3), sparsity: 0.5, params: {} })).toThrow(
        /3 layer sizes/,
      );
    });
  },
);

describe('atp', () => {
  it('matches the golden vectors', () => {
    const six = atpRates(0.7, 6, 0.04);
    [0.6, 0.64, 0.68, 0.72, 0.76, 0.8].forEach((rate, i) => expect(six[i]).toBeCloseTo(rate, 12));
    const deep = atpRates(0.7, 32, 0.018);
    expect(deep[0]).toBeCloseTo(0.421, 12);
    expect(deep[31]).toBeCloseTo(0.979, 12);
    expect(betaMax(0.7, 32)).toBeCloseTo(0.0193548, 7);
  });

  it('evaluates first + i * beta in f64', () => {
    const beta = 0.0123;
    const first = 0.7 - (beta * 15) / 2;
    expect(atpRates(0.7, 16, beta)).toEqual(Array.from({ length: 16 }, (_, i) => first + i * beta));
  });

  it('has differences constant to 1e-12', () => {
    fc.assert(
      fc.property(
        sparsityArb,
        fc.integer({ min: 2, max: 64 }),
        fc.double({ min: -1, max: 1, noNaN: true }),
        (s, l, t) => {
          const beta = t * (betaMax(s, l) ?? 0);
          const rates = atpRates(s, l, beta);
          for (let i = 1; i < l; i++) {
            expect(Math.abs((rates[i] as number) - (rates[i - 1] as number) - beta)).toBeLessThan(1e-12);
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it('accepts the limit itself with its slack, clamped, and refuses more', () => {
    const limit = betaMax(0.8, 9) as number;
    expect(limit).toBe(0.04999999999999999);
    expect(atpRates(0.8, 9, 0.05).every((rate) => rate >= 0 && rate <= 1)).toBe(true);
    expect(isLegalBeta(-0.05, 0.8, 9)).toBe(true);
    expect(isLegalBeta(limit * (1 + 1e-8), 0.8, 9)).toBe(false);
    expect(() => atpRates(0.8, 9, 0.051)).toThrow(/it may be from -0\.0499/);
  });

  it('is undefined for one layer, where only beta 0 is accepted', () => {
    expect(betaMax(0.7, 1)).toBeNull();
    expect(betaGrid(0.7, 1)).toEqual([]);
    expect(atpRates(0.7, 1, 0)).toEqual([0.7]);
    expect(() => atpRates(0.7, 1, 0.1)).toThrow(/only 0/);
  });

  it('needs a finite beta', () => {
    const atp = findAllocation('atp');
    for (const beta of ['auto', NaN, true]) {
      expect(() => atp.allocate({ layers: 4, sizes: sizes(4), sparsity: 0.5, params: { beta } })).toThrow(
        /Beta must be/,
      );
    }
  });
});

describe('betaGrid', () => {
  it.each([
    { sparsity: 0.5, layers: 32, count: 15 }, // 16 in the paper's grid, the last one empties layer 32
    { sparsity: 0.6, layers: 32, count: 12 },
    { sparsity: 0.7, layers: 32, count: 9 },
    { sparsity: 0.7, layers: 16, count: 9 },
    { sparsity: 0.7, layers: 2, count: 9 },
    { sparsity: 0.8, layers: 32, count: 12 }, // step halved once
    { sparsity: 0.1, layers: 12, count: 12 }, // step quartered
    { sparsity: 0, layers: 12, count: 0 },
    { sparsity: 1, layers: 12, count: 0 },
    { sparsity: 0.99, layers: 12, count: 0 },
  ])('has $count points at S = $sparsity, L = $layers', ({ sparsity, layers, count }) => {
    expect(betaGrid(sparsity, layers)).toHaveLength(count);
  });

  it('equals the step of the paper at 32 layers', () => {
    betaGrid(0.7, 32).forEach((beta, i) => expect(beta).toBeCloseTo(0.002 * (i + 1), 12));
    expect(betaGrid(0.7, 16)[0]).toBe(0.062 / 15);
    expect(betaGrid(0.7, 16)[2]).toBe(0.186 / 15);
  });

  it('keeps a point that lies exactly on the bound', () => {
    // 2 S = 0.496 = 8 * 0.062 exactly, though 0.248 is not a binary fraction.
    expect(betaGrid(0.248, 3)).toHaveLength(8);
    expect(betaGrid(0.248, 3)[7]).toBe(0.496 / 2);
  });

  it('is ascending, legal, equally spaced and keeps the last layer at or below 0.99', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 989 }),
        fc.integer({ min: 2, max: 48 }),
        (thousandths, layers) => {
          const sparsity = thousandths / 1000;
          const grid = betaGrid(sparsity, layers);
          expect(grid.length).toBeLessThan(20);
          grid.forEach((beta, i) => {
            expect(isLegalBeta(beta, sparsity, layers)).toBe(true);
            expect(beta).toBeCloseTo((grid[0] as number) * (i + 1), 12);
            expect(atpRates(sparsity, layers, beta)[layers - 1]).toBeLessThanOrEqual(0.99 + 1e-12);
          });
        },
      ),
      { numRuns: 300 },
    );
  });

  it('gets the control once', () => {
    expect(withControl([0.02, 0.01])).toEqual([0, 0.01, 0.02]);
    expect(withControl([0, 0.01])).toEqual([0, 0.01]);
  });
});

describe('custom', () => {
  const custom = findAllocation('custom');
  const matrices = [
    { name: 'a', layer: 0, rows: 10, cols: 10, count: 100 },
    { name: 'b', layer: 0, rows: 10, cols: 30, count: 300 },
    { name: 'c', layer: 1, rows: 10, cols: 10, count: 100 },
  ];
  const base = { layers: 2, sizes: [400, 100], sparsity: 0.5, params: {}, matrices };

  it('takes one rate per layer', () => {
    expect(custom.allocate({ ...base, rates: [0.25, 0.75] }).layers).toEqual([0.25, 0.75]);
    expect(matrixRates([0.25, 0.75], 2, matrices)).toEqual([0.25, 0.25, 0.75]);
  });

  it('gives block means of rates per matrix', () => {
    expect(custom.allocate({ ...base, rates: { a: 0.2, b: 0.6, c: 1 } }).layers).toEqual([0.5, 1]);
  });

  it.each([
    ['a wrong length', [0.5]],
    ['a rate above 1', [0.5, 1.5]],
    ['a missing name', { a: 0.5, b: 0.5 }],
    ['an unknown name', { a: 0.5, b: 0.5, c: 0.5, d: 0.5 }],
    ['a name of Object.prototype', { a: 0.5, b: 0.5, toString: 0.5 }],
  ])('refuses %s', (_, rates) => {
    expect(() => custom.allocate({ ...base, rates })).toThrow(LabError);
  });

  it('refuses to run without rates', () => {
    expect(() => custom.allocate(base)).toThrow(/needs rates/);
  });
});
