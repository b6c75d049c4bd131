/** The beta-perplexity curve: is it a convex U, and what does the step of the grid cost? */
import type { ConvexityExperiment, CurveRow, GridShape, SecondDifference, Verdict } from '../../core/theory';
import { bestOf } from './labFit';
import { deviation, halfInterval, mean } from './statistics';
import { figure, many, of, percentChange } from './words';

type Shape = NonNullable<ConvexityExperiment['shape']>;

/** Rows of a curve are evenly spaced by `step`; differences are of inner points. */
export function secondDifferences(points: readonly CurveRow[]): SecondDifference[] {
  return points.slice(1, -1).map((point, k) => {
    const [before, after] = [points[k], points[k + 2]];
    const bySeed = point.perplexity.map((y, i) => {
      const [a, b] = [before?.perplexity[i] ?? null, after?.perplexity[i] ?? null];
      return y === null || a === null || b === null ? null : a - 2 * y + b;
    });
    const known = bySeed.filter((x) => x !== null);
    const whole = known.length === bySeed.length && known.length > 0;
    const half = whole ? halfInterval(known) : null;
    const middle = whole ? mean(known) : null;
    return {
      beta: point.beta,
      bySeed,
      mean: middle,
      spread: whole ? deviation(known) : null,
      below: middle !== null && half !== null && middle + half < 0,
    };
  });
}

/** Values no larger than their neighbours, ends included; a flat stretch counts once. null is the worst. */
export function localMinima(values: readonly (number | null)[]): number {
  const y = values.map((v) => v ?? Infinity);
  let count = 0;
  for (let from = 0; from < y.length;) {
    let to = from;
    while (to + 1 < y.length && y[to + 1] === y[from]) to++;
    const own = y[from] ?? Infinity;
    if (own < Infinity && own < (y[from - 1] ?? Infinity) && own < (y[to + 1] ?? Infinity)) count++;
    from = to + 1;
  }
  return count;
}

export function gridShape(step: number, points: readonly CurveRow[]): GridShape {
  const seeds = points[0]?.perplexity.length ?? 0;
  return {
    step,
    points: [...points],
    differences: secondDifferences(points),
    minima: localMinima(points.map((p) => p.mean)),
    minimaBySeed: Array.from({ length: seeds }, (_, i) =>
      localMinima(points.map((p) => p.perplexity[i] ?? null)),
    ),
    best: bestOf(points),
  };
}

/** `half` is the curve at half the step from beta 0; every second point of it is the grid. */
export function convexityShape(step: number, half: readonly CurveRow[]): Shape {
  const every = (n: number): CurveRow[] => half.filter((_, k) => k % n === 0);
  const fine = gridShape(step / 2, half);
  const grid = gridShape(step, every(2));
  const doubled = bestOf(every(4));
  const loss = (
    coarse: { perplexity: number } | null,
    better: { perplexity: number } | null,
  ): number | null => (coarse && better ? coarse.perplexity / better.perplexity - 1 : null);
  const differences = fine.differences;
  const convex = differences.length > 0 && differences.every((d) => d.mean !== null && d.mean >= 0);
  return {
    kind: convex ? 'convex' : fine.minima === 1 ? 'unimodal' : 'neither',
    grid,
    half: fine,
    lostDoubled: loss(doubled, grid.best),
    lostGrid: loss(grid.best, fine.best),
  };
}

export function convexityVerdict({ kind, grid, half, lostDoubled, lostGrid }: Shape, seeds: number): Verdict {
  const negative = half.differences.filter((d) => d.mean !== null && d.mean < 0);
  const clear = negative.filter((d) => d.below);
  const known = half.differences.filter((d) => d.mean !== null);
  const words = {
    convex: 'The curve is convex',
    unimodal: 'The curve is not convex, but it has one minimum',
    neither: 'The curve is neither convex nor unimodal',
  };
  const change = (loss: number | null): string =>
    loss === null ? 'nothing that can be said' : percentChange(1 + loss);
  const sentences = [
    `${words[kind]}: at half the grid's step (${figure(half.step)}, ${many(seeds, 'seed')}) ${of(negative.length, known.length)} second differences of the mean are negative${seeds > 1 ? `, ${clear.length} of them beyond the spread of the seeds` : ''}; local minima: ${half.minima} of the mean, ${half.minimaBySeed.join(', ')} of the single seeds (${grid.minima} on the grid itself).`,
    `The best beta is ${figure(half.best?.beta ?? null)} at half the step and ${figure(grid.best?.beta ?? null)} on the grid; doubling the step costs ${change(lostDoubled)} perplexity, halving it would have saved ${change(lostGrid)}.`,
  ];
  if (known.length < half.differences.length)
    sentences.push('The model diverged at some betas; those points are left out.');
  const { best, points } = half;
  if (best && (best.beta === points[0]?.beta || best.beta === points.at(-1)?.beta))
    sentences.push('The best point is an end of the curve: there is no U with two arms.');
  return {
    holds: known.length === 0 ? 'open' : kind === 'convex' ? 'yes' : kind === 'unimodal' ? 'partly' : 'no',
    text: sentences.join(' '),
  };
}
