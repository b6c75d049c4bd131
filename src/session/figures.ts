/** Headline figures of a pruned model from what a pass measured: all of them null where it diverged. */
import type { Divergence } from '../core/report';
import { perplexityOf } from '../eval/perplexity';

export interface MeasuredText {
  /** Mean token loss of each window. */
  windowLosses: number[] | null;
  /** Means over the windows; null where the dense model was not compared. */
  divergence: { kl: number | null; topOne: number } | null;
}

export interface Figures extends Divergence {
  perplexity: number | null;
  diverged?: true;
  losses: number[];
}

export function figuresOf({ windowLosses, divergence }: MeasuredText): Figures {
  const losses = windowLosses ?? [];
  const perplexity = perplexityOf(losses);
  if (perplexity === null) return { perplexity, kl: null, topOne: null, diverged: true, losses };
  const kl = divergence?.kl ?? null;
  return { perplexity, kl, topOne: kl === null ? null : (divergence?.topOne ?? null), losses };
}
