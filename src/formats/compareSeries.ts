/** The lines that a comparison is drawn as: what they hold, what they are called, how they are told apart. Pure. */
import { isDone, rowScore, type Comparison, type CompareSpec, type DoneRow } from '../core/comparison';
import { methodsOf } from './compareTable';

/** Colours of a palette; uniform, the control of every comparison, has one of its own. */
export const COLOURS = 8;
export const UNIFORM_COLOUR = 'uniform';
/** Dash patterns, the first a full line. */
export const DASHES = ['', '7 4', '2 3.5', '9 3 2 3', '12 4', '4 2 1 2'] as const;

export interface SeriesStyle {
  /** Index of the palette, or that of uniform. */
  colour: number | typeof UNIFORM_COLOUR;
  dash: string;
}

export interface Series extends SeriesStyle {
  key: string;
  name: string;
  points: { x: number; y: number | null }[];
}

/** The longer list is told apart by colour, the other by the kind of line. */
export function styleOf(spec: CompareSpec, pruner: string, allocation: string): SeriesStyle {
  const p = Math.max(0, spec.pruners.indexOf(pruner));
  const dashOf = (index: number): string => DASHES[index % DASHES.length] ?? '';
  if (spec.allocations.length === 1) return { colour: p % COLOURS, dash: dashOf(Math.floor(p / COLOURS)) };
  const others = spec.allocations.filter((other) => other !== 'uniform');
  const a = others.indexOf(allocation);
  // Both lists long (two axes): a pruner of the other axis needs a colour of its own.
  if (spec.axes && p > 0) return { colour: (others.length + p - 1) % COLOURS, dash: dashOf(1) };
  return {
    colour: a < 0 ? UNIFORM_COLOUR : a % COLOURS,
    dash: dashOf(spec.axes ? 0 : p),
  };
}

/** What a line is called: only what differs in this comparison. */
export function seriesName(
  { pruners, allocations }: CompareSpec,
  pruner: string,
  allocation: string,
): string {
  if (pruners.length === 1) return allocation;
  return allocations.length === 1 ? pruner : `${pruner}, ${allocation}`;
}

function base(comparison: Comparison, row: DoneRow): Omit<Series, 'points'> {
  const { pruner, allocation } = methodsOf(row);
  const { spec } = comparison;
  return {
    key: `${pruner} ${allocation}`,
    name: seriesName(spec, pruner, allocation),
    ...styleOf(spec, pruner, allocation),
  };
}

function doneAt(comparison: Comparison, sparsity: number): DoneRow[] {
  return comparison.rows.filter(isDone).filter((row) => row.sparsity === sparsity);
}

/** Sparsities at which at least one row is done, ascending. */
export function measuredSparsities({ rows }: Comparison): number[] {
  return [...new Set(rows.filter(isDone).map((row) => row.sparsity))].sort((a, b) => a - b);
}

/** By layer (1-based): fractions of zeros as counted. */
export function sparsityByLayer(comparison: Comparison, sparsity: number): Series[] {
  return doneAt(comparison, sparsity).map((row) => ({
    ...base(comparison, row),
    points: row.layers.achieved.map((y, i) => ({ x: i + 1, y })),
  }));
}

/** By layer (1-based): cumulative squared error as a share of the dense output; null where it diverged. */
export function errorByLayer(comparison: Comparison, sparsity: number): Series[] {
  return doneAt(comparison, sparsity).map((row) => ({
    ...base(comparison, row),
    points: row.errors.cumulative.map((error, i) => {
      const dense = row.errors.dense[i];
      return { x: i + 1, y: error === null || !dense ? null : error / dense };
    }),
  }));
}

/** By sparsity: perplexity of a text (its mean over seeds where there are several). */
export function perplexityBySparsity(comparison: Comparison, which: 'select' | 'report'): Series[] {
  const series = new Map<string, Series>();
  for (const row of comparison.rows.filter(isDone)) {
    const head = base(comparison, row);
    const found = series.get(head.key) ?? { ...head, points: [] };
    found.points.push({ x: row.sparsity, y: rowScore(row.perplexity[which]) });
    series.set(head.key, found);
  }
  return [...series.values()].map((one) => ({ ...one, points: one.points.sort((a, b) => a.x - b.x) }));
}

/** By seconds since an entry began: the smallest perplexity of the select text that its search has found so far. */
export function runningBest(comparison: Comparison, sparsity: number): Series[] {
  return doneAt(comparison, sparsity)
    .filter((row) => row.search !== undefined)
    .map((row) => ({
      ...base(comparison, row),
      points: (row.search?.trials ?? []).map(({ ms, best }) => ({ x: ms / 1000, y: best })),
    }));
}
