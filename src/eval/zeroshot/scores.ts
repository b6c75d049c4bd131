/** From log-likelihoods to accuracies, margins and the comparison of two models. Pure. */
import type { PairedScore, TaskScore } from '../../core/zeroshot';
import { estimate, guessingP, mcNemarP, pairedMean } from './statistics';

/** One item as it is judged. */
export interface ScoredItem {
  gold: number;
  /** Of each option: log p(continuation | context) in nats, and the characters it is divided by. */
  options: { logLikelihood: number; characters: number }[];
}

/** How a task is judged. */
export interface Judging {
  norm: boolean;
  metric: 'acc' | 'acc_norm';
  /** Options of every item, where they are the same. */
  fixed?: number | undefined;
}

/** Index of the largest value, the first of equals; the first that is not a number, as NumPy has it. */
export function argmax(values: readonly number[]): number {
  let best = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (Number.isNaN(value)) return i;
    if (value > (values[best] as number)) best = i;
  }
  return best;
}

const plain = (item: ScoredItem): number[] => item.options.map((o) => o.logLikelihood);
/** Log-likelihood per character; an empty option has no character to share it. */
const normed = (item: ScoredItem): number[] => item.options.map((o) => o.logLikelihood / o.characters);

const isRight = (values: readonly number[], gold: number): boolean => argmax(values) === gold;

/** How far the right option is ahead of the best other one. */
function marginOf(values: readonly number[], gold: number): number {
  const others = values.filter((_, i) => i !== gold);
  return (values[gold] as number) - Math.max(...others);
}

const valuesOf = (judging: Judging): ((item: ScoredItem) => number[]) =>
  judging.metric === 'acc_norm' ? normed : plain;

export function scoreTask(items: readonly ScoredItem[], judging: Judging): TaskScore {
  const accuracy = (values: (item: ScoredItem) => number[]) =>
    estimate(items.map((item) => Number(isRight(values(item), item.gold)))) ?? { mean: NaN, stderr: null };
  const margin = (values: (item: ScoredItem) => number[]) =>
    estimate(items.map((item) => marginOf(values(item), item.gold)));
  const values = valuesOf(judging);
  const right = items.filter((item) => isRight(values(item), item.gold)).length;
  return {
    acc: accuracy(plain),
    accNorm: judging.norm ? accuracy(normed) : null,
    margin: margin(plain),
    marginNorm: judging.norm ? margin(normed) : null,
    chanceP: guessingP(
      right,
      items.map(({ options }) => 1 / options.length),
    ),
    chosen:
      judging.fixed === undefined
        ? null
        : Array.from(
            { length: judging.fixed },
            (_, option) => items.filter((item) => argmax(values(item)) === option).length,
          ),
    diverged: items.filter((item) => !plain(item).every(Number.isFinite)).length,
  };
}

/** The same items under two models. */
export function comparePairs(
  dense: readonly ScoredItem[],
  pruned: readonly ScoredItem[],
  judging: Judging,
): PairedScore {
  const values = valuesOf(judging);
  const right = (item: ScoredItem | undefined): boolean =>
    item !== undefined && isRight(values(item), item.gold);
  const lost = dense.filter((item, i) => right(item) && !right(pruned[i])).length;
  const gained = dense.filter((item, i) => !right(item) && right(pruned[i])).length;
  return {
    difference: (gained - lost) / dense.length,
    lost,
    gained,
    p: mcNemarP(lost, gained),
    margin: pairedMean(
      dense.map((item, i) => {
        const other = pruned[i];
        return other ? marginOf(values(other), item.gold) - marginOf(values(item), item.gold) : NaN;
      }),
    ),
  };
}

/** Expected accuracy of guessing. */
export function chanceOf(items: readonly ScoredItem[]): number {
  return items.reduce((sum, { options }) => sum + 1 / options.length, 0) / items.length;
}

/** Accuracy of always giving the most frequent right answer. */
export function constantAccuracy(items: readonly ScoredItem[], options: number): number {
  const counts = Array.from({ length: options }, (_, i) => items.filter(({ gold }) => gold === i).length);
  return Math.max(...counts) / items.length;
}
