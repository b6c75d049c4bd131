/** Theorem 3.5: orders of the same rates, swaps of neighbours, shapes at the same mean. */
import type { OrderExperiment, ScheduleRow, SwapRow, TheoryTrial, Verdict } from '../../core/theory';
import { halfInterval, mean, meanOfAll, sumOfAll } from './statistics';
import { figure, of, percentChange } from './words';

/** `trials` of one schedule, one for each seed. */
export function scheduleRow(name: string, trials: readonly TheoryTrial[]): ScheduleRow {
  return {
    name,
    rates: trials[0]?.rates ?? [],
    perplexity: trials.map(({ perplexity }) => perplexity),
    summed: trials.map(({ cumulative }) => sumOfAll(cumulative)),
    last: trials.map(({ cumulative }) => cumulative.at(-1) ?? null),
  };
}

/** Layer `layer` and the next swapped, against the ascending order on the same seeds. */
export function swapRow(layer: number, ascending: ScheduleRow, swapped: ScheduleRow): SwapRow {
  const minus = (a: readonly (number | null)[], b: readonly (number | null)[]): (number | null)[] =>
    a.map((x, i) => {
      const y = b[i] ?? null;
      return x === null || y === null ? null : x - y;
    });
  const perplexity = minus(swapped.perplexity, ascending.perplexity);
  const known = perplexity.filter((x) => x !== null);
  const whole = known.length === perplexity.length && known.length > 0;
  const middle = whole ? mean(known) : null;
  const half = whole ? halfInterval(known) : null;
  return {
    layer,
    perplexity,
    summed: minus(swapped.summed, ascending.summed),
    last: minus(swapped.last, ascending.last),
    sign: middle === null ? null : middle > 0 ? 1 : middle < 0 ? -1 : 0,
    distinct: middle !== null && half !== null && Math.abs(middle) > half,
  };
}

const worst = (values: readonly (number | null)[]): number => meanOfAll(values) ?? Infinity;

export function orderSummary({
  orders,
  swaps,
  shapes,
}: Pick<OrderExperiment, 'orders' | 'swaps' | 'shapes'>): NonNullable<OrderExperiment['summary']> {
  const rankOf = (key: 'perplexity' | 'summed' | 'last'): number => {
    const own = worst(orders[0]?.[key] ?? []);
    return 1 + orders.slice(1).filter((row) => worst(row[key]) < own).length;
  };
  const agree = (key: 'perplexity' | 'summed' | 'last'): number =>
    swaps.reduce((sum, row) => sum + row[key].filter((x) => x !== null && x > 0).length, 0);
  return {
    rank: { perplexity: rankOf('perplexity'), summed: rankOf('summed'), last: rankOf('last') },
    agree: {
      perplexity: agree('perplexity'),
      summed: agree('summed'),
      last: agree('last'),
      all: swaps.reduce((sum, row) => sum + row.perplexity.length, 0),
    },
    shapesByPerplexity: shapes
      .map((row, i) => ({ name: row.name, score: worst(row.perplexity), i }))
      .sort((a, b) => (a.score === b.score ? a.i - b.i : a.score - b.score))
      .map(({ name }) => name),
  };
}

/** Swaps that must agree for the claim to be called true. */
const NEARLY_ALL = 0.95;

export function orderVerdict(
  { beta, orders, swaps, shapes }: Pick<OrderExperiment, 'beta' | 'orders' | 'swaps' | 'shapes'>,
  summary: NonNullable<OrderExperiment['summary']>,
): Verdict {
  const { rank, agree, shapesByPerplexity } = summary;
  const n = orders.length;
  const perplexityOf = (rows: readonly ScheduleRow[], name: string): number | null =>
    meanOfAll(rows.find((row) => row.name === name)?.perplexity ?? []);
  const distinct = swaps.filter((row) => row.distinct);
  const against = distinct.filter((row) => row.sign === -1);
  const best = shapesByPerplexity[0] ?? '';
  const ascending = perplexityOf(orders, 'ascending');
  const [bestFigure, uniform] = [perplexityOf(shapes, best), perplexityOf(shapes, 'uniform')];
  const sentences = [
    `Of ${n} orders of the same rates (beta ${figure(beta)}) the ascending one is number ${rank.summed} by summed error, ${rank.last} by the error behind the last layer and ${rank.perplexity} by perplexity (${figure(ascending)}; descending ${figure(perplexityOf(orders, 'descending'))}).`,
    `Swapping two neighbours made the summed error worse, as predicted, in ${of(agree.summed, agree.all)} cases, the error behind the last layer in ${agree.last}, perplexity in ${agree.perplexity}.`,
  ];
  if ((swaps[0]?.perplexity.length ?? 0) > 1)
    sentences.push(
      `Over the seeds ${of(distinct.length, swaps.length)} swaps have an effect on perplexity that can be told from 0, ${against.length} of them an improvement.`,
    );
  if (bestFigure !== null && uniform !== null)
    sentences.push(
      `At the same mean the best shape is ${best} (${figure(bestFigure)}, ${percentChange(bestFigure / uniform)} against uniform); the arithmetic one is number ${shapesByPerplexity.indexOf('arithmetic') + 1} of ${shapes.length}.`,
    );
  const part = agree.all > 0 ? agree.summed / agree.all : NaN;
  const holds = Number.isNaN(part)
    ? 'open'
    : rank.summed === 1 && part >= NEARLY_ALL
      ? 'yes'
      : rank.summed > n / 2 || part < 0.5
        ? 'no'
        : 'partly';
  return { holds, text: sentences.join(' ') };
}
