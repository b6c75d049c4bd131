import { expect, test } from 'vitest';
import type { CurvePoint } from '../core/report';
import { bestBeta, tiedBetas } from './curve';

const point = (beta: number, perplexity: number | null, losses?: number[]): CurvePoint => ({ beta, perplexity, sparsity: [], cumulative: null, losses });

test('the best beta is the smallest finite perplexity among beta >= 0, the smaller beta on a tie', () => {
  expect(bestBeta([point(-0.1, 1), point(0, 9), point(0.1, 5), point(0.2, 5), point(0.3, null)])).toBe(0.1);
  expect(bestBeta([point(0, null), point(0.1, null)])).toBe(null);
  expect(bestBeta([])).toBe(null);
});

test('ties are the betas that the paired interval cannot tell from the best', () => {
  const base = [3, 3.2, 2.9, 3.1, 3.05, 2.95];
  const noisy = base.map((x, i) => x + 0.01 + (i % 2 ? 0.05 : -0.05));
  const worse = base.map((x) => x + 0.2);
  const points = [point(0, 25, worse), point(0.1, 20, base), point(0.2, 20.4, noisy), point(-0.1, 20.1, base)];
  expect(tiedBetas(points, 0.1)).toEqual([0.1, 0.2]);
  expect(tiedBetas(points, null)).toEqual([]);
});
