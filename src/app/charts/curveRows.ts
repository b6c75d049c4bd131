/** What the curve chart draws: one row for each beta, in the measure that is looked at. Pure. */
import type { CurvePoint } from '../../core/report';
import { linearAxis, perplexityAxis, type Axis } from './scales';

export type CurveMeasure = 'perplexity' | 'kl' | 'topOne';

/** A figure of one point; over several seeds its mean, with the range. */
export interface Spread {
  value: number | null;
  range: [number, number] | null;
}

export interface CurveRow {
  beta: number;
  exact: number | null;
  preview: number | null;
  /** Range over the seeds, of the exact figures where there are some. */
  band: [number, number] | null;
  /** At the top edge for a point that diverged. */
  diverged: number | null;
}

export interface CurveLayout {
  rows: CurveRow[];
  axis: Axis & { log: boolean };
  reach: { low: number; high: number };
}

/** The figure of a point in one measure; null where it is not known or diverged for any seed. */
export function spreadOf(point: CurvePoint, measure: CurveMeasure): Spread {
  if (!point.bySeed) return { value: point[measure] ?? null, range: null };
  const values = point.bySeed.map((draw) => draw[measure]);
  if (!values.every((value) => value !== null)) return { value: null, range: null };
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return {
    // As in the report, to the last bit: the best point is chosen by it.
    value: measure === 'perplexity' ? (point.mean ?? null) : mean,
    range: values.length > 1 ? [Math.min(...values), Math.max(...values)] : null,
  };
}

export function layOutCurve(
  { exact, preview }: { exact: readonly CurvePoint[]; preview: readonly CurvePoint[] },
  measure: CurveMeasure,
): CurveLayout {
  const byBeta = new Map<number, CurveRow>();
  const diverged = new Set<number>();
  const add = (points: readonly CurvePoint[], kind: 'exact' | 'preview'): void => {
    for (const point of points) {
      const { beta } = point;
      const row = byBeta.get(beta) ?? { beta, exact: null, preview: null, band: null, diverged: null };
      const { value, range } = spreadOf(point, measure);
      if (spreadOf(point, 'perplexity').value === null) diverged.add(beta);
      byBeta.set(beta, { ...row, [kind]: value, band: range ?? row.band });
    }
  };
  add(preview, 'preview');
  add(exact, 'exact');
  const sorted = [...byBeta.values()].sort((a, b) => a.beta - b.beta);
  const known = sorted.flatMap((row) => [row.exact, row.preview, ...(row.band ?? [])]);
  const axis = measure === 'topOne' ? { ...linearAxis(known), log: false } : perplexityAxis(known);
  const rows = sorted.map((row) =>
    diverged.has(row.beta) && row.exact === null && row.preview === null
      ? { ...row, diverged: topEdge(axis) }
      : row,
  );
  return { rows, axis, reach: { low: rows[0]?.beta ?? 0, high: rows.at(-1)?.beta ?? 0 } };
}

/** A little below the upper end of the axis, so that the mark is drawn whole. */
function topEdge({ domain: [low, high], log }: CurveLayout['axis']): number {
  return log ? high * (low / high) ** 0.03 : high - 0.03 * (high - low);
}
