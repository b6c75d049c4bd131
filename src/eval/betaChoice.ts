/** Which beta a curve chooses, and which ones it cannot be told from. */
import type { CurvePoint } from '../core/report';
import { comparePaired } from './paired';

/** Smallest finite perplexity among beta >= 0, the smaller beta on a tie; null when every point diverged. */
export function bestBeta(points: readonly CurvePoint[]): number | null {
  let best: { beta: number; perplexity: number } | null = null;
  for (const { beta, perplexity } of points) {
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
  const losses = points.find(({ beta }) => beta === best)?.losses;
  if (best === null || !losses) return best === null ? [] : [best];
  return points
    .filter((point) => {
      if (point.beta === best) return true;
      if (point.beta < 0 || !point.losses) return false;
      const comparison = comparePaired(point.losses, losses);
      return comparison !== null && comparison.low !== null && !comparison.distinguishable;
    })
    .map(({ beta }) => beta)
    .sort((a, b) => a - b);
}
