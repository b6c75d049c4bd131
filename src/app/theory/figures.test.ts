import { describe, expect, it } from 'vitest';
import type {
  BoundExperiment,
  MonotoneExperiment,
  ProxyExperiment,
  SpreadExperiment,
} from '../../core/theory';
import { boundRatios, curveLines, innerProducts, localErrors, monotoneTable, proxyPoints, spreadCells, VACUOUS, violatingRows } from './figures'; // prettier-ignore

const matrix = {
  matrix: 'q',
  rows: 4,
  error: [1, 4, 3],
  inner: [0.5, -0.2],
  violating: [0, 2],
};
const curve = { layer: 0, local: [1, 2, 3], dense: 10, matrices: [matrix] };
const head = { title: '', claim: '', done: false, verdict: null };

describe('theorem 3.1', () => {
  const experiment: MonotoneExperiment = {
    ...head,
    theorem: '3.1',
    rates: [0.1, 0.5, 0.9],
    layers: [curve, { ...curve, layer: 1, matrices: [{ ...matrix, violating: [1, 0] }] }],
    summary: null,
  };

  it('counts violating rows over all layers, by the upper rate of a step', () => {
    expect(violatingRows(experiment)[0]?.points).toEqual([
      { x: 0.5, y: 1 / 8 },
      { x: 0.9, y: 2 / 8 },
    ]);
  });

  it('keeps the sign of the inner product and divides by the larger error', () => {
    expect(innerProducts(curve, experiment.rates)[0]?.points.map(({ y }) => y)).toEqual([0.125, -0.05]);
  });

  it('has a row with a name of its own for each matrix', () => {
    const { rows } = monotoneTable(experiment.layers, '');
    expect(rows.map(([name, steps, falls, negative, bad]) => [name, steps, falls, negative, bad])).toEqual([
      ['layer 1 q', '2', '1', '1', '2'],
      ['layer 2 q', '2', '1', '1', '1'],
    ]);
  });

  it('tells every layer from every other by colour or dash', () => {
    const many = Array.from({ length: 30 }, (_, layer) => ({ layer, local: [1] }));
    const styles = localErrors(many, [0.5], 30).map(({ colour, dash }) => `${colour} ${dash}`);
    expect(new Set(styles).size).toBe(30);
  });
});

it('theorem 3.2: a vacuous bound is a cross below the rest, not a ratio', () => {
  const bound = { ...{ matrix: 'q', rows: 4, cols: 4, sigmaMin: 1, inputError: 1, bound: 3, error: 6 }, first: 1, second: 1, cross: 0, crossShare: 0 }; // prettier-ignore
  const experiment: BoundExperiment = {
    ...head,
    theorem: '3.2',
    sparsity: 0.5,
    gains: [],
    layers: [
      {
        layer: 0,
        matrices: [
          { ...bound, ratio: 0.6, vacuous: null },
          { ...bound, matrix: 'down', ratio: 0, bound: 0, vacuous: 'wide' },
        ],
      },
    ],
  };
  const series = boundRatios(experiment);
  expect(series.map(({ key }) => key)).toEqual(['q', VACUOUS]);
  expect(series[1]?.points[0]?.y).toBeCloseTo(0.2, 12);
});

it('theorem 3.4: shares divide by the dense output behind the layer that is measured', () => {
  const experiment: SpreadExperiment = {
    ...head,
    theorem: '3.4',
    others: 'target',
    raise: 0.1,
    base: { seed: 0, rates: [0.5, 0.5], perplexity: 9, cumulative: [1, 2], dense: [10, 20] },
    layers: [{ layer: 0, rate: 0.6, perplexity: 10, increase: [1, null], area: null, relativeArea: null }],
    summary: null,
  };
  expect(spreadCells(experiment, true)[0]?.values).toEqual([0.1, null]);
  expect(spreadCells(experiment, false)[0]?.values).toEqual([1, null]);
});

it('a curve of one seed is one line; of several, theirs and the mean', () => {
  const rows = [{ beta: 0.1, perplexity: [3, 5], mean: 4 }];
  expect(curveLines(rows, [0]).map(({ points }) => points[0]?.y)).toEqual([4]);
  expect(curveLines(rows, [0, 1]).map(({ points }) => points[0]?.y)).toEqual([3, 5, 4]);
});

it('error against perplexity: earlier runs are apart, and an error of 0 has no place on a log axis', () => {
  const point = { sparsity: 0.5, beta: null, perplexity: 9, last: 2, summed: 3, relative: 0 };
  const experiment: ProxyExperiment = {
    ...head,
    theorem: 'proxy',
    points: [
      { ...point, name: 'a', source: 'trial' },
      { ...point, name: 'b', source: 'trial', sparsity: 0.6 },
      { ...point, name: 'c', source: 'run' },
    ],
    correlations: [],
    picks: [],
  };
  expect(proxyPoints(experiment, 'last', 0.5).map(({ key }) => key)).toEqual(['target', 'other', 'run']);
  expect(proxyPoints(experiment, 'relative', 0.5)).toEqual([]);
});
