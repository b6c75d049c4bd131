import { describe, expect, it } from 'vitest';
import type { CurvePoint } from '../../core/report';
import { layOutCurve, spreadOf } from './curveRows';

const point = (beta: number, change: Partial<CurvePoint> = {}): CurvePoint => ({
  beta,
  perplexity: 20 + beta,
  kl: 0.5,
  topOne: 0.6,
  sparsity: [],
  cumulative: null,
  ...change,
});

const draw = (seed: number, perplexity: number | null, kl: number | null = 0.4) => ({
  seed,
  calibration: '',
  perplexity,
  kl,
  topOne: kl === null ? null : 0.7,
});

describe('the rows of the curve', () => {
  it('show the mean and the range of several seeds, in every measure', () => {
    const many = point(0.1, { bySeed: [draw(0, 20, 0.4), draw(1, 24, 0.6)], mean: 22, min: 20, max: 24 });
    expect(spreadOf(many, 'perplexity')).toEqual({ value: 22, range: [20, 24] });
    expect(spreadOf(many, 'kl')).toEqual({ value: 0.5, range: [0.4, 0.6] });
    expect(spreadOf(point(0), 'kl')).toEqual({ value: 0.5, range: null });
    const { rows, axis } = layOutCurve({ exact: [many, point(0)], preview: [] }, 'perplexity');
    expect(rows).toEqual([
      { beta: 0, exact: 20, preview: null, band: null, diverged: null },
      { beta: 0.1, exact: 22, preview: null, band: [20, 24], diverged: null },
    ]);
    expect(axis.domain[1]).toBeGreaterThanOrEqual(24);
    const one = point(0, { bySeed: [draw(0, 20)], mean: 20, min: 20, max: 20 });
    expect(spreadOf(one, 'perplexity').range).toBeNull();
  });

  it('marks what diverged at the top edge, and what was not compared not at all', () => {
    const gone = point(0.2, { perplexity: null, kl: null, topOne: null, diverged: true });
    const half = point(0.3, { bySeed: [draw(0, 20), draw(1, null, null)], mean: null, min: 20, max: null });
    const old = point(0.1, { kl: undefined });
    for (const measure of ['perplexity', 'kl', 'topOne'] as const) {
      const { rows, axis } = layOutCurve({ exact: [point(0), gone, half], preview: [] }, measure);
      expect(rows.map((row) => row.diverged !== null)).toEqual([false, true, true]);
      expect(rows[1]?.diverged).toBeLessThan(axis.domain[1]);
      expect(rows[1]?.diverged).toBeGreaterThan(axis.domain[0]);
    }
    expect(layOutCurve({ exact: [old], preview: [] }, 'kl').rows[0]).toMatchObject({
      exact: null,
      diverged: null,
    });
  });
});
