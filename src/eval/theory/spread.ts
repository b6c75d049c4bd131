/** Theorem 3.4: one layer pruned more, and what becomes of the layers behind it. */
import type { SpreadExperiment, TheoryTrial, Verdict } from '../../core/theory';
import { falls } from './monotone';
import { spearman, sumOfAll } from './statistics';
import { figure, of, share } from './words';

type Row = SpreadExperiment['layers'][number];

/** The raised layer's row: errors less those of `base`. */
export function spreadRow(layer: number, rate: number, base: TheoryTrial, raised: TheoryTrial): Row {
  const increase = raised.cumulative.map((error, j) => {
    const before = base.cumulative[j] ?? null;
    return error === null || before === null ? null : error - before;
  });
  const relative = increase.map((x, j) => {
    const dense = base.dense[j] ?? null;
    return x === null || dense === null || dense === 0 ? null : x / dense;
  });
  return {
    layer,
    rate,
    perplexity: raised.perplexity,
    increase,
    area: sumOfAll(increase),
    relativeArea: sumOfAll(relative),
  };
}

/** Missing values are the worst: the model diverged. */
const worst = (value: number | null): number => value ?? Infinity;

export function spreadSummary(
  base: TheoryTrial,
  rows: readonly Row[],
): NonNullable<SpreadExperiment['summary']> {
  const order = (value: (row: Row) => number | null): number[] =>
    [...rows]
      .sort((a, b) => worst(value(b)) - worst(value(a)) || a.layer - b.layer)
      .map(({ layer }) => layer);
  // The paper's order: the earlier, the worse.
  const rank = (value: (row: Row) => number | null): number | null =>
    spearman(
      rows.map(({ layer }) => -layer),
      rows.map((row) => worst(value(row))),
    );
  let falling = 0;
  let pairs = 0;
  for (const { layer, increase } of rows)
    increase.forEach((x, j) => {
      const before = base.cumulative[j] ?? null;
      if (j < layer || x === null || before === null) return;
      pairs += 1;
      if (falls(before, before + x)) falling += 1;
    });
  return {
    byArea: order((row) => row.area),
    byPerplexity: order((row) => row.perplexity),
    areaRank: rank((row) => row.area),
    relativeAreaRank: rank((row) => row.relativeArea),
    perplexityRank: rank((row) => row.perplexity),
    falling,
    pairs,
  };
}

const CLEAR = 0.9;

export function spreadVerdict(
  { others, raise, base, layers }: Pick<SpreadExperiment, 'others' | 'raise' | 'base' | 'layers'>,
  summary: NonNullable<SpreadExperiment['summary']>,
): Verdict {
  const { falling, pairs, areaRank, relativeAreaRank, perplexityRank, byArea, byPerplexity } = summary;
  const names = (order: readonly number[]): string =>
    order
      .slice(0, 3)
      .map((l) => l + 1)
      .join(', ');
  const perplexities = layers.flatMap(({ perplexity }) => (perplexity === null ? [] : [perplexity]));
  const better = layers.filter((row) => row.perplexity !== null && row.perplexity < (base?.perplexity ?? 0));
  const sentences = [
    `With one layer raised by ${figure(raise)} (${others === 'dense' ? 'the others dense' : 'the others at the target'}), the error of a later layer rose in ${of(pairs - falling, pairs)} pairs${falling > 0 ? ` and fell in ${share(falling, pairs)}` : ''}.`,
    `The layers that harm the most by area are ${names(byArea)}; rank correlation with the paper's order (the first layer first): ${figure(areaRank)} by absolute error, ${figure(relativeAreaRank)} relative to the dense outputs, ${figure(perplexityRank)} by perplexity.`,
    `Perplexity goes from ${figure(base?.perplexity ?? null)} to between ${figure(Math.min(...perplexities))} and ${figure(Math.max(...perplexities))}, the worst when layers ${names(byPerplexity)} are raised.`,
  ];
  if (better.length > 0)
    sentences.push(
      `Raising ${better.length === 1 ? `layer ${(better[0]?.layer ?? 0) + 1}` : `any of ${better.length} layers`} even lowers it.`,
    );
  const holds =
    areaRank === null
      ? 'open'
      : falling === 0 && areaRank >= CLEAR
        ? 'yes'
        : areaRank <= 0 || falling > 0.2 * pairs
          ? 'no'
          : 'partly';
  return { holds, text: sentences.join(' ') };
}
