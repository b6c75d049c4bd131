/** Which beta a curve chooses, and which ones it cannot be told from. */
import type { CurvePoint } from '../core/report';
import { comparePaired } from './paired';

/** What a point is judged by: the mean over its seeds where several were measured, else its perplexity. */
export function pointScore({ bySeed, mean, perplexity }: CurvePoint): number | null {
  return bySeed ? (mean ?? null) : perplexity;
}

/** Losses of each window, averaged over the seeds; undefined where one of them is not known. */
export function pointLosses({
  bySeed,
  losses,
}: Pick<CurvePoint, 'bySeed' | 'losses'>): readonly number[] | undefined {
  if (!bySeed) return losses;
  const all = bySeed.flatMap((draw) => (draw.losses ? [draw.losses] : []));
  const windows = all[0]?.length ?? 0;
  if (all.length < bySeed.length || all.some((draw) => draw.length !== windows)) return undefined;
  return Array.from(
    { length: windows },
    (_, k) => all.reduce((sum, draw) => sum + (draw[k] ?? NaN), 0) / all.length,
  );
}

/** Smallest finite score (`pointScore`) among beta >= 0, the smaller beta on a tie; null when every point diverged. */
export function bestBeta(points: readonly CurvePoint[]): number | null {
  let best: { beta: number; perplexity: number } | null = null;
  for (const point of points) {
    const { beta } = point;
    const perplexity = pointScore(point);
    if (beta < 0 || perplexity === null || !Number.isFinite(perplexity)) continue;
    const better =
      !best || perplexity < best.perplexity || (perplexity === best.perplexity && beta < best.beta);
    if (better) best = { beta, perplexity };
  }
  return best?.beta ?? null;
}

/**
 * Betas >= 0, ascending, whose paired 95 % interval against the best holds no difference, the best included. Points
 * without losses are left out: nothing can be said about them.
 */
export function tiedBetas(points: readonly CurvePoint[], best: number | null): number[] {
  const winner = points.find(({ beta }) => beta === best);
  const losses = winner && pointLosses(winner);
  if (best === null || !losses) return best === null ? [] : [best];
  return points
    .filter((point) => {
      if (point.beta === best) return true;
      const own = pointLosses(point);
      if (point.beta < 0 || !own) return false;
      const comparison = comparePaired(own, losses);
      return comparison !== null && comparison.low !== null && !comparison.distinguishable;
    })
    .map(({ beta }) => beta)
    .sort((a, b) => a - b);
}
