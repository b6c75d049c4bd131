/** Rows of a comparison against the one that they are compared with, window by window. */
import { baseKey, isDone, type CompareSpec, type ComparisonRow, type RowFigures } from '../core/comparison';
import { pointLosses } from './betaChoice';
import { comparePaired } from './paired';

/** The rows with their intervals; a row whose base is not there yet has none. */
export function withPairs(spec: CompareSpec, rows: readonly ComparisonRow[]): ComparisonRow[] {
  const done = new Map(rows.filter(isDone).map((row) => [row.key, row]));
  return rows.map((row) => {
    if (!isDone(row)) return row;
    const { paired: _, ...rest } = row;
    const against = baseKey(spec, row.sparsity);
    const base = done.get(against);
    if (!base || base.key === row.key) return rest;
    const interval = (which: 'select' | 'report') =>
      compareFigures(row.perplexity[which], base.perplexity[which]);
    return { ...rest, paired: { against, select: interval('select'), report: interval('report') } };
  });
}

function compareFigures(own: RowFigures, base: RowFigures): ReturnType<typeof comparePaired> {
  const a = pointLosses(own);
  const b = pointLosses(base);
  return a && b ? comparePaired(a, b) : null;
}
