/**
 * The search of Pruner-Zero (arXiv 2406.02924): genetic programming over pruning metrics. The fitness of a metric is the
 * perplexity of the pruned model on a text, which whoever starts the search measures. The paper's own budget is not
 * published; population and budget are parameters here, and the seed makes a search repeatable.
 */
import { LabError } from '../core/errors';
import type {
  MetricSearchOptions,
  MetricSearchReport,
  MetricSearchResult,
  MetricTrial,
} from '../core/metricSearch';
import { Rng } from '../core/rng';
import type { LabSpec } from '../core/spec';
import { ENGINE_VERSION } from '../core/version';
import {
  parseExpression,
  printExpression,
  PUBLISHED,
  SEARCH_DEPTH,
  TERMINALS,
  type Expression,
} from '../pruning/solvers/expressions';
import type { JobIo, Lab } from './lab';
import {
  canonical,
  crossover,
  isCandidate,
  mutate,
  randomExpression,
} from '../pruning/solvers/expressionSearch';

export interface MetricSearch extends MetricSearchOptions {
  evaluate(expression: string): Promise<number | null>;
  /** Hears of every trial, in order, with the best so far. */
  onTrial?(trial: MetricTrial, best: MetricTrial | null): void;
}

/**
 * Searches a metric for the loaded model: `spec` says how much goes where, the fitness is the perplexity on its select
 * text. Progress events count the trials; 'metricSearch' events hold the report so far, after every trial.
 */
export async function searchMetricFor(
  lab: Lab,
  given: LabSpec,
  options: MetricSearchOptions,
  io: JobIo,
): Promise<MetricSearchReport> {
  if (given.beta === 'auto')
    throw new LabError(
      'SpecError',
      'A search of a metric needs a beta.',
      'Give --beta, or leave it out for 0.',
    );
  const spec = { ...given, pruner: 'pruner-zero' };
  const { select } = await lab.texts(spec, ['calibration', 'select'], io);
  if (!select) throw new Error('the select text was asked for');
  const reportOf = ({ best, trials }: MetricSearchResult): MetricSearchReport => ({
    schema: 'prunelab.metric-search/1',
    version: ENGINE_VERSION,
    model: lab.loaded.record,
    select: select.record,
    ...options,
    spec: best ? { ...spec, set: { ...spec.set, expression: best.expression } } : spec,
    best,
    trials,
  });
  const startMs = performance.now();
  const trials: MetricTrial[] = [];
  const progress = (best: MetricTrial | null): void => {
    const done = trials.length;
    io.emit({
      type: 'progress',
      job: io.job,
      stage: best ? `Searching, best perplexity ${String(best.perplexity?.toPrecision(5))}` : 'Searching',
      done,
      total: options.budget,
      unit: 'metrics',
      tokensPerSecond: null,
      secondsLeft: done > 0 ? ((performance.now() - startMs) / 1000 / done) * (options.budget - done) : null,
    });
  };
  progress(null);
  const found = await lab.trySettings(spec, io, (measure) =>
    searchMetric({
      ...options,
      evaluate: (expression) => measure({ expression }),
      onTrial: (trial, best) => {
        trials.push(trial);
        io.emit({ type: 'metricSearch', job: io.job, report: reportOf({ best, trials: [...trials] }) });
        progress(best);
      },
    }),
  );
  return reportOf(found);
}

/** Parents are the best of this many, drawn from the population. */
const TOURNAMENT = 3;
const CROSSOVER = 0.5;
/** Draws of a new candidate before the search gives up finding one. */
const MOST_DRAWS = 10_000;

/** SpecError for a budget or population that is not a positive whole number. What `evaluate` throws passes through. */
export async function searchMetric(o: MetricSearch): Promise<MetricSearchResult> {
  for (const name of ['budget', 'population'] as const)
    if (!Number.isSafeInteger(o[name]) || o[name] < 1)
      throw new LabError('SpecError', `The ${name} of a search is ${o[name]}; it is at least 1.`);
  const rng = new Rng(o.seed, 'metric-search');
  const trials: MetricTrial[] = [];
  const tried: { expression: Expression; fitness: number }[] = [];
  const seen = new Set<string>();
  let best: MetricTrial | null = null;
  while (trials.length < o.budget) {
    const expression =
      trials.length === 0 ? parseExpression(PUBLISHED) : next(rng, o.population, tried, seen);
    if (!expression) break;
    seen.add(canonical(expression));
    const text = printExpression(expression);
    const trial = { expression: text, perplexity: await o.evaluate(text) };
    trials.push(trial);
    tried.push({ expression, fitness: trial.perplexity ?? Infinity });
    if (trial.perplexity !== null && (best?.perplexity == null || trial.perplexity < best.perplexity))
      best = trial;
    o.onTrial?.(trial, best);
  }
  return { best, trials };
}

/** A candidate that was not tried: random ones first, then children of the population. Null where none is found. */
function next(
  rng: Rng,
  size: number,
  tried: readonly { expression: Expression; fitness: number }[],
  seen: ReadonlySet<string>,
): Expression | null {
  const population = tried.slice(-size);
  const parent = (): Expression => {
    let winner = population[rng.below(population.length)];
    for (let i = 1; i < TOURNAMENT; i++) {
      const other = population[rng.below(population.length)];
      if (other && winner && other.fitness < winner.fitness) winner = other;
    }
    return winner?.expression ?? 'W';
  };
  const { min, max } = SEARCH_DEPTH;
  for (let i = 0; i < MOST_DRAWS; i++) {
    const random = tried.length < size;
    const made = random
      ? randomExpression(rng, TERMINALS, min + rng.below(max - min + 1))
      : rng.float() < CROSSOVER
        ? crossover(rng, parent(), parent())
        : mutate(rng, parent(), TERMINALS);
    if (isCandidate(made) && !seen.has(canonical(made))) return made;
  }
  return null;
}
