/** Statistics against NumPy (theory/numbers.json), and verdicts on cases that can be told by hand. */
import { describe, expect, test } from 'vitest';
import { Rng } from '../../core/rng';
import type { CurveRow, LayerCurve, ProxyPoint, TheoryTrial } from '../../core/theory';
import { fixtureJson } from '../../testing/fixtureFiles';
import { boundVerdict, gainsOf, matrixBound } from './bounds';
import { convexityShape, convexityVerdict, localMinima, secondDifferences } from './convexity';
import { assumptionsOf, fitKappa, labFit, labVerdict } from './labFit';
import { monotoneSummary, monotoneVerdict } from './monotone';
import { orderSummary, orderVerdict, scheduleRow, swapRow } from './orders';
import { correlationsOf, picksOf, proxyPoint, proxyVerdict } from './proxy';
import { SHAPES, shapeRates, shuffled, swapped } from './schedules';
import { spreadRow, spreadSummary, spreadVerdict } from './spread';
import { quantile, ranks, spearman, spearmanInterval } from './statistics';

interface Numbers {
  spearman: { x: number[]; y: number[]; ranks: number[]; rho: number };
  quantiles: { values: number[]; at: number[]; expected: number[] };
  slope: { rates: number[]; local: number[][]; kappa: number; r2: number; kappas: number[] };
  second: { curve: number[][]; mean: number[]; spread: number[] };
}

const numbers = await fixtureJson<Numbers>('theory', 'numbers.json');

test('ranks, their correlation and quantiles are those of NumPy', () => {
  const { x, y, ranks: expected, rho } = numbers.spearman;
  expect(ranks(x)).toEqual(expected);
  expect(spearman(x, y)).toBeCloseTo(rho, 12);
  const { values, at, expected: quantiles } = numbers.quantiles;
  at.forEach((p, i) => expect(quantile(values, p)).toBeCloseTo(quantiles[i] ?? NaN, 12));
  expect(spearman([1, 1, 1], [1, 2, 3])).toBeNull();
  const interval = spearmanInterval(x, y, new Rng(0, 'test'));
  expect(interval).toEqual(spearmanInterval(x, y, new Rng(0, 'test')));
  expect(interval && interval.low < rho && rho < interval.high).toBe(true);
});

test('one slope with an intercept for every layer is least squares', () => {
  const { rates, local, kappa, r2, kappas } = numbers.slope;
  const fit = fitKappa(
    local.map((own, layer) => ({ layer, local: own, dense: 1 })),
    rates,
  );
  expect(fit?.kappa).toBeCloseTo(kappa, 10);
  expect(fit?.r2).toBeCloseTo(r2, 10);
  fit?.kappas.forEach((k, i) => expect(k).toBeCloseTo(kappas[i] ?? NaN, 10));
});

test('beta* is ln(c) / kappa: golden vector of the exponential theory', () => {
  const rates = [0.2, 0.5, 0.8];
  const layers = [1, 3].map((a, layer) => ({
    layer,
    local: rates.map((s) => a * Math.exp(6 * s)),
    dense: 10,
  }));
  const curve = [0, 0.02, 0.04].map((beta, i) => ({ beta, perplexity: [9 - i], mean: [9, 7, 8][i] ?? null }));
  const gains = [{ seed: 0, gain: [null, 1.15, 1.15, 1.2] }];
  const fit = labFit({ layers, rates, gains, curve }, 0.09);
  expect(fit?.predicted).toBeCloseTo(0.0232937, 7);
  expect(fit?.measured).toBe(0.02);
  const assumptions = assumptionsOf({ layers, rates, gains }, fit?.kappas ?? [], 0.5);
  expect(assumptions?.localRatio).toBeCloseTo(3, 12);
  expect(assumptions).toMatchObject({ atRate: 0.5, above: 3, gains: 3, gainMax: 1.2 });
  // Within a step of the grid, but the layers are not alike.
  expect(labVerdict(fit, assumptions, 0.02, 2).holds).toBe('partly');
  expect(labVerdict(fit, assumptions, 0.001, 2)).toMatchObject({ holds: 'no' });
  expect(labVerdict(null, null, 0.02, 2).holds).toBe('open');
});

describe('theorem 3.1', () => {
  const layer = (local: number[], matrices: LayerCurve['matrices'] = []): LayerCurve => ({
    layer: 0,
    local,
    dense: 1,
    matrices,
  });
  test('rising curves with a negative inner product hold, and say so', () => {
    const layers = [
      layer([1, 2, 3], [{ matrix: 'q', rows: 4, error: [1, 2, 3], inner: [1, -1], violating: [0, 2] }]),
    ];
    const summary = monotoneSummary(layers);
    expect(summary).toEqual({
      layerSteps: { falling: 0, all: 2 },
      matrixSteps: { falling: 0, all: 2 },
      innerSteps: { negative: 1, all: 2 },
      rowSteps: { violating: 2, all: 8 },
    });
    const verdict = monotoneVerdict(layers, summary);
    expect(verdict.holds).toBe('yes');
    expect(verdict.text).toMatch(/negative in 1 of 2 steps \(50 %\).*25 % of 8 row steps/);
  });
  test('a falling layer is named', () => {
    const layers = [layer([1, 0.5, 3])];
    const verdict = monotoneVerdict(layers, monotoneSummary(layers));
    expect(verdict.holds).toBe('no');
    expect(verdict.text).toMatch(/falls somewhere in layer 1/);
  });
});

describe('theorem 3.2', () => {
  const sums = {
    matrix: 'q',
    rows: 4,
    cols: 3,
    smallest: 0.25,
    largest: 4,
    inputError: 8,
    error: 10,
    first: 4,
    second: 5,
    cross: 0.5,
  };
  test('the bound is the squared smallest singular value times the input error', () => {
    expect(matrixBound(sums)).toMatchObject({
      sigmaMin: 0.5,
      bound: 2,
      ratio: 0.2,
      vacuous: null,
      crossShare: 1 / 9,
    });
    expect(matrixBound({ ...sums, rows: 2 })).toMatchObject({ sigmaMin: 0, bound: 0, vacuous: 'wide' });
    expect(matrixBound({ ...sums, smallest: -1e-17 })).toMatchObject({ sigmaMin: 0, vacuous: 'singular' });
    expect(matrixBound({ ...sums, inputError: 0 }).vacuous).toBe('same input');
  });
  test('the verdict counts vacuous and broken bounds', () => {
    const bound = (change: Partial<typeof sums>) => ({
      layer: 0,
      matrices: [matrixBound({ ...sums, ...change })],
    });
    const gains = [{ seed: 0, gain: [null, 2] }];
    expect(boundVerdict({ layers: [bound({})], gains })).toMatchObject({ holds: 'yes' });
    expect(boundVerdict({ layers: [bound({ error: 1 })], gains }).holds).toBe('no');
    expect(boundVerdict({ layers: [bound({ rows: 2 })], gains }).holds).toBe('open');
    expect(boundVerdict({ layers: [bound({})], gains }).text).toMatch(
      /above 1 in 1 of 1 cases, 2 in the median/,
    );
  });
  test('gains are inherited over the error before', () => {
    const row = (inherited: number, cumulative: number) => ({
      local: 0,
      inPlace: 0,
      inherited,
      cumulative,
      cross: 0,
      dense: 1,
    });
    expect(gainsOf([row(0, 4), row(6, 0), row(3, 1)])).toEqual([null, 1.5, null]);
  });
});

const trial = (rates: number[], perplexity: number | null, cumulative: number[]): TheoryTrial => ({
  seed: 0,
  rates,
  perplexity,
  cumulative,
  dense: cumulative.map(() => 10),
});

describe('theorem 3.4', () => {
  const base = trial([0.5, 0.5, 0.5], 20, [1, 2, 3]);
  test('areas rank the layers as the paper does', () => {
    const rows = [
      spreadRow(0, 0.6, base, trial([0.6, 0.5, 0.5], 30, [2, 4, 6])),
      spreadRow(1, 0.6, base, trial([0.5, 0.6, 0.5], 25, [1, 3, 5])),
      spreadRow(2, 0.6, base, trial([0.5, 0.5, 0.6], 19, [1, 2, 4])),
    ];
    expect(rows.map(({ area }) => area)).toEqual([6, 3, 1]);
    const summary = spreadSummary(base, rows);
    expect(summary).toMatchObject({
      byArea: [0, 1, 2],
      areaRank: 1,
      perplexityRank: 1,
      falling: 0,
      pairs: 6,
    });
    const verdict = spreadVerdict({ others: 'target', raise: 0.1, base, layers: rows }, summary);
    expect(verdict.holds).toBe('yes');
    expect(verdict.text).toMatch(/Raising layer 3 even lowers it/);
    const turned = spreadSummary(
      base,
      rows.map((row, i) => ({ ...row, area: i })),
    );
    expect(spreadVerdict({ others: 'target', raise: 0.1, base, layers: rows }, turned).holds).toBe('no');
  });
});

describe('theorem 3.5', () => {
  test('schedules keep their mean and their multiset', () => {
    const rates = [0.5, 0.6, 0.7, 0.8];
    expect(shuffled(rates, 0, 1)).toEqual(shuffled(rates, 0, 1));
    expect([...shuffled(rates, 0, 1)].sort()).toEqual(rates);
    expect(swapped(rates, 1)).toEqual([0.5, 0.7, 0.6, 0.8]);
    for (const shape of Object.values(SHAPES)) {
      const sizes = [1, 2, 1, 1, 3];
      const made = shapeRates(shape, 0.7, 0.5, sizes);
      expect(made.reduce((sum, r, i) => sum + r * (sizes[i] ?? 0), 0) / 8).toBeCloseTo(0.7, 12);
      expect(Math.max(...made)).toBeLessThanOrEqual(0.99 + 1e-12);
    }
    expect(shapeRates((t) => t, 0.5, 0.4, [1, 1, 1])).toEqual([0.3, 0.5, 0.7]);
  });
  test('rank, agreement and the verdict', () => {
    const row = (name: string, perplexity: number, error: number) =>
      scheduleRow(name, [trial([0.4, 0.6], perplexity, [error, error])]);
    const ascending = row('ascending', 20, 1);
    const orders = [ascending, row('descending', 22, 3), row('random 1', 19, 2)];
    const swaps = [swapRow(0, ascending, row('swap', 21, 2))];
    expect(swaps[0]).toEqual({ layer: 0, perplexity: [1], summed: [2], last: [1], sign: 1, distinct: false });
    const shapes = [row('arithmetic', 20, 1), row('uniform', 18, 2)];
    const summary = orderSummary({ orders, swaps, shapes });
    expect(summary).toEqual({
      rank: { perplexity: 2, summed: 1, last: 1 },
      agree: { perplexity: 1, summed: 1, last: 1, all: 1 },
      shapesByPerplexity: ['uniform', 'arithmetic'],
    });
    const verdict = orderVerdict({ beta: 0.1, orders, swaps, shapes }, summary);
    expect(verdict.holds).toBe('yes');
    expect(verdict.text).toMatch(/number 1 by summed error.*2 by perplexity/);
    const worse = orderSummary({ orders: [orders[1] ?? ascending, ascending, ascending], swaps, shapes });
    expect(orderVerdict({ beta: 0.1, orders, swaps, shapes }, worse).holds).toBe('no');
  });
});

describe('convexity', () => {
  const rows = (curve: number[][]): CurveRow[] =>
    (curve[0] ?? []).map((_, k) => {
      const perplexity = curve.map((y) => y[k] ?? NaN);
      return { beta: k / 100, perplexity, mean: perplexity.reduce((a, b) => a + b, 0) / perplexity.length };
    });
  test('second differences and their spread are those of NumPy', () => {
    const { curve, mean, spread } = numbers.second;
    secondDifferences(rows(curve)).forEach((d, k) => {
      expect(d.mean).toBeCloseTo(mean[k] ?? NaN, 10);
      expect(d.spread).toBeCloseTo(spread[k] ?? NaN, 10);
    });
  });
  test('minima, ends and flat stretches included', () => {
    expect(localMinima([3, 2, 1, 2, 3])).toBe(1);
    expect(localMinima([1, 2, 1, 1, 2, 0])).toBe(3);
    expect(localMinima([null, 2, null])).toBe(1);
  });
  test('convex, unimodal, neither', () => {
    const kind = (y: number[]) => convexityShape(0.02, rows([y]));
    expect(kind([9, 6, 4, 3, 4, 6, 9]).kind).toBe('convex');
    expect(kind([9, 8, 4, 3, 7, 8, 9]).kind).toBe('unimodal');
    const neither = kind([9, 3, 8, 2, 9]);
    expect(neither.kind).toBe('neither');
    // The grid is every second point: 9, 8, 9; doubled it is 9, 9.
    expect(neither.lostGrid).toBeCloseTo(3, 12);
    expect(neither.lostDoubled).toBeCloseTo(1 / 8, 12);
    expect(convexityVerdict(neither, 1)).toMatchObject({ holds: 'no' });
    expect(convexityVerdict(neither, 1).text).toMatch(/2 of 3|1 of 3/);
  });
});

test('proxies are ranked, and pick a beta of their own', () => {
  const point = (beta: number | null, perplexity: number, error: number): ProxyPoint =>
    proxyPoint('p', trial([0.5], perplexity, [error, 2 * error]), 0.5, beta);
  const points = [point(0, 20, 1), point(0.1, 18, 2), point(0.2, 25, 3), point(null, 30, 4)];
  expect(points[0]).toMatchObject({ last: 2, summed: 3, relative: 0.1 + 0.2 });
  const picks = picksOf(points.filter(({ beta }) => beta !== null));
  expect(picks.map(({ beta }) => beta)).toEqual([0.1, 0, 0, 0]);
  const correlations = correlationsOf(points, 0.5, 0);
  expect(correlations).toHaveLength(6);
  expect(correlations.map(({ rho }) => rho)).toEqual(new Array(6).fill(expect.closeTo(0.8, 12)));
  const verdict = proxyVerdict({ correlations, picks });
  // Four points: the intervals hold 0.
  expect(verdict.holds).toBe('open');
  const better = correlations.map((c) => ({ ...c, low: 0.9 }));
  expect(proxyVerdict({ correlations: better, picks }).holds).toBe('partly');
  const against = correlations.map((c) => ({ ...c, rho: -0.5, low: -0.8 }));
  expect(proxyVerdict({ correlations: against, picks }).holds).toBe('no');
  expect(verdict.text).toMatch(
    /Perplexity picks beta 0.1; the error behind the last layer picks 0 \(\+11.1 % perplexity\)/,
  );
});
