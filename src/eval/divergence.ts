/**
 * How far a pruned model's predictions lie from the dense one's: KL divergence in nats, and how often both put the same
 * token first (docs/methods.md). Windows weigh as in perplexity: the mean over windows of each window's mean.
 */
import { COMPARE_FIGURES } from '../ops/headCompare';

export interface Divergence {
  /** Mean KL(dense ‖ pruned) in nats; null where a logit was not finite (the model diverged). */
  kl: number | null;
  /** Share of positions whose most likely token is the dense model's, 0..1; a position that diverged counts as different. */
  topOne: number;
}

/** Means of each window, for intervals over windows. A window that diverged has the KL NaN. */
export interface WindowDivergence {
  kl: number[];
  topOne: number[];
  /** Mean losses, as in perplexity.ts. */
  prunedLoss: number[];
  denseLoss: number[];
}

/**
 * `rows` [tokens, 4] as headCompare leaves them (KL, agreement, pruned loss, dense loss), windows of `lengths` tokens one
 * after another. The last position of a window predicts nothing that is known and is left out.
 */
export function windowDivergence(rows: ArrayLike<number>, lengths: readonly number[]): WindowDivergence {
  const meansOf = (figure: number): number[] => {
    let at = 0;
    return lengths.map((length) => {
      let sum = 0;
      for (let t = 0; t + 1 < length; t++) sum += rows[(at + t) * COMPARE_FIGURES + figure] ?? NaN;
      at += length;
      return sum / (length - 1);
    });
  };
  return { kl: meansOf(0), topOne: meansOf(1), prunedLoss: meansOf(2), denseLoss: meansOf(3) };
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** The two figures of a text from its windows. */
export function divergenceOf({ kl, topOne }: Pick<WindowDivergence, 'kl' | 'topOne'>): Divergence {
  const nats = mean(kl);
  return { kl: Number.isFinite(nats) ? nats : null, topOne: mean(topOne) };
}
