/** Reading a beta-perplexity curve. */
import type { CurvePoint } from '../core/report';
import { comparePaired } from '../eval/paired';

/** Beta of the smallest finite perplexity among beta >= 0, the smaller beta on a tie; null when all diverged. */
export function bestBeta(points: readonly CurvePoint[]): number | null {
  let best: CurvePoint | null = null;
  for (const p of points) {
    if (p.beta < 0 || p.perplexity === null) continue;
    if (!best || p.perplexity < (best.perplexity ?? Infinity) || (p.perplexity === best.perplexity && p.beta < best.beta)) best = p;
  }
  return best ? best.beta : null;
}

/** Betas whose paired difference to the best cannot be told from zero at 95 %; the best itself included. */
export function tiedBetas(points: readonly CurvePoint[], best: number | null): number[] {
  const winner = points.find((p) => p.beta === best);
  if (!winner?.losses) return [];
  const { losses } = winner;
  return points
    .filter((p) => {
      if (p === winner) return true;
      if (p.beta < 0 || p.perplexity === null || !p.losses) return false;
      const compared = comparePaired(p.losses, losses);
      return compared !== null && !compared.distinguishable;
    })
    .map((p) => p.beta);
}
