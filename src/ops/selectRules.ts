/** How many weights a sparsity removes (docs/methods.md): pure arithmetic, the same on every machine. */
import { LabError } from '../core/errors';

/** `inclusive`: all scores <= the index-th smallest (0-based). `exact`: the `count` smallest by (score, flat index). */
export type MatrixRule = { rule: 'inclusive'; index: number } | { rule: 'exact'; count: number };

function checkSparsity(s: number): void {
  if (!(s >= 0 && s <= 1))
    throw new LabError('SpecError', `A sparsity of ${s} is not a fraction.`, 'Choose a value from 0 to 1.');
}

/**
 * How many weights to prune in each of `rows` rows of `cols`: trunc(cols * s), as the reference programs do; with
 * `exactBudget` the fraction carries over from row to row, so that the total is floor(rows * cols * s).
 */
export function rowCounts(
  rows: number,
  cols: number,
  s: number,
  exactBudget: boolean,
): Uint32Array<ArrayBuffer> {
  checkSparsity(s);
  const counts = new Uint32Array(rows);
  if (!exactBudget) return counts.fill(Math.trunc(cols * s));
  let before = 0;
  for (let r = 0; r < rows; r++) {
    const upTo = Math.floor((r + 1) * cols * s);
    counts[r] = upTo - before;
    before = upTo;
  }
  return counts;
}

/**
 * The rule of magnitude pruning: threshold at the trunc(rows * cols * s)-th smallest, ties and threshold included;
 * nothing at s = 0. With `exactBudget`, exactly floor(rows * cols * s) weights.
 */
export function matrixRule(rows: number, cols: number, s: number, exactBudget: boolean): MatrixRule {
  checkSparsity(s);
  const total = rows * cols;
  if (s === 0) return { rule: 'exact', count: 0 };
  if (exactBudget) return { rule: 'exact', count: Math.floor(total * s) };
  return { rule: 'inclusive', index: Math.min(Math.trunc(total * s), total - 1) };
}

/** Largest group of an N:M pattern. */
export const MAX_GROUP = 32;

/** `keep` of every `group` consecutive columns stay. */
export interface GroupPattern {
  keep: number;
  group: number;
}

/** SpecError unless `pattern` is a pattern and fits rows of `cols` columns without a rest. */
export function checkGroups(name: string, cols: number, { keep, group }: GroupPattern): void {
  if (
    !Number.isInteger(group) ||
    !Number.isInteger(keep) ||
    group < 1 ||
    group > MAX_GROUP ||
    keep < 0 ||
    keep > group
  ) {
    throw new LabError(
      'SpecError',
      `The pattern ${keep}:${group} is not possible.`,
      `Keep 0 to M of M, M from 1 to ${MAX_GROUP}.`,
    );
  }
  if (cols % group !== 0) {
    throw new LabError(
      'SpecError',
      `${name} has ${cols} columns, which groups of ${group} do not divide.`,
      'Choose a group that divides them, or no pattern.',
    );
  }
}
