import { describe, expect, it } from 'vitest';
import type { CurvePoint, SeedFigures } from '../core/report';
import { bestBeta, tiedBetas } from './betaChoice';
import { seedRange } from './seeds';

function draw(seed: number, perplexity: number | null, losses?: number[]): SeedFigures {
  return { seed, calibration: '', perplexity, kl: null, topOne: null, ...(losses && { losses }) };
}

function point(beta: number, draws: SeedFigures[]): CurvePoint {
  const main = draws[0]?.perplexity ?? null;
  const losses = draws[0]?.losses;
  return {
    beta,
    perplexity: main,
    sparsity: [],
    cumulative: null,
    ...(losses && { losses }),
    ...seedRange(draws),
  };
}

describe('several seeds', () => {
  it('gives mean and range, and says nothing that a diverged draw leaves open', () => {
    expect(seedRange([draw(0, 20), draw(1, 30), draw(2, 22)])).toMatchObject({ mean: 24, min: 20, max: 30 });
    expect(seedRange([draw(0, 20), draw(1, null)])).toMatchObject({ mean: null, min: 20, max: null });
    expect(seedRange([draw(0, null)])).toMatchObject({ mean: null, min: null, max: null });
  });

  it('chooses beta by the mean, not by the main seed', () => {
    const points = [
      point(0, [draw(0, 10), draw(1, 30)]),
      point(0.01, [draw(0, 14), draw(1, 18)]),
      point(0.02, [draw(0, 5), draw(1, null)]),
    ];
    expect(bestBeta(points)).toBe(0.01);
    expect(
      bestBeta(
        points.map(({ beta, perplexity, sparsity, cumulative }) => ({
          beta,
          perplexity,
          sparsity,
          cumulative,
        })),
      ),
    ).toBe(0.02);
  });

  it('compares the losses of every draw when it looks for ties', () => {
    // The main seed alone cannot tell the two apart; over both draws every window favours 0.01.
    const points = [
      point(0, [draw(0, 10, [2, 3, 4]), draw(1, 10, [2.5, 3.5, 4.5])]),
      point(0.01, [draw(0, 10, [2.1, 2.9, 4]), draw(1, 9, [2, 3.2, 4.1])]),
    ];
    expect(tiedBetas(points, 0.01)).toEqual([0.01]);
    expect(
      tiedBetas(
        points.map(({ bySeed: _, mean: __, ...rest }) => rest),
        0.01,
      ),
    ).toEqual([0, 0.01]);
  });
});
