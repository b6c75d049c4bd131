/**
 * Searches for rates: every trial prunes the clean model and measures the select text. What is kept is the best trial,
 * which the run then measures once more; a search that is cancelled leaves nothing.
 */
import { perplexityOf } from '../eval/perplexity';
import { LabError } from '../core/errors';
import type { SearchRecord, SearchTrial } from '../core/report';
import { BAYES_RANGE, BAYES_SEED, BAYES_TRIALS } from '../pruning/allocations/bayesian';
import { DSA_BUDGET, DSA_POPULATION, DSA_SEED } from '../pruning/allocations/dsa';
import type { Facts } from '../pruning/allocations/facts';
import { spreadToMean } from '../pruning/allocations/postprocess';
import { ExpressionEvolution } from '../pruning/allocations/search/evolution';
import { Tpe } from '../pruning/allocations/search/tpe';
import { formatExpression } from '../pruning/measures/expression';
import type { FactContext, Found } from './facts/context';
import { BlockScores } from './facts/scores';
import { ratesFor } from './plan';

const RATE_BOUNDS = { lo: 0.01, hi: 0.99 };

class Search {
  readonly #context: FactContext;
  readonly #record: SearchRecord;

  constructor(context: FactContext, kind: SearchRecord['kind'], budget: number) {
    this.#context = context;
    this.#record = { kind, budget, trials: [], best: null, passes: 0 };
  }

  get record(): SearchRecord {
    return this.#record;
  }

  /** Perplexity of the select text under these facts; null when it diverged. */
  async trial(facts: Facts, more: Pick<SearchTrial, 'expression'> = {}): Promise<number | null> {
    const { engine, plan, rec, meter, calibration, select, onTrial } = this.#context;
    const startMs = performance.now();
    const { rates, allocation } = ratesFor(engine.model.plan, plan, 0, facts);
    let units = 0;
    const { windowLosses } = await engine.prune(
      rec,
      { plan, rates, statistics: plan.spec.stats, calibration, evaluate: select },
      {
        total: (n) => meter.total(n),
        add: (n) => {
          units += n;
          meter.add(n);
        },
      },
    );
    const found = perplexityOf(windowLosses ?? []);
    const perplexity = found !== null && Number.isFinite(found) ? found : null;
    const { trials } = this.#record;
    trials.push({ perplexity, ms: performance.now() - startMs, rates: allocation.sparsity, ...more });
    this.#record.passes = (this.#record.passes ?? 0) + units / (select.windows.tokens * engine.tokenUnits);
    const best = this.#record.best === null ? null : (trials[this.#record.best]?.perplexity ?? null);
    if (perplexity !== null && (best === null || perplexity < best)) this.#record.best = trials.length - 1;
    onTrial?.(this.#record);
    return perplexity;
  }

  /** Throws where no trial gave a finite perplexity. */
  best(): number {
    if (this.#record.best !== null) return this.#record.best;
    throw new LabError(
      'SpecError',
      `None of the ${this.#record.trials.length} trials of the search gave a finite perplexity.`,
      'Lower the sparsity, or use another allocation.',
    );
  }
}

/** Rates of the layers by tree-structured Parzen estimators. */
export async function searchRates(context: FactContext): Promise<Found<number[]>> {
  const { engine, plan } = context;
  const { layers } = engine.model.config;
  const number = (name: string): number => Number(plan.params[name]);
  const [budget, range] = [number(BAYES_TRIALS.name), number(BAYES_RANGE.name)];
  const target = plan.requested;
  const bounds = Array.from({ length: layers }, () => ({ lo: target - range, hi: target + range }));
  const tpe = new Tpe(bounds, number(BAYES_SEED.name));
  const search = new Search(context, 'bayesian', budget);
  const tried: number[][] = [];
  for (let i = 0; i < budget; i++) {
    const point = tpe.ask();
    const within = point.map((u) => Math.min(RATE_BOUNDS.hi, Math.max(RATE_BOUNDS.lo, u)));
    const rates = spreadToMean(within, engine.model.plan.prunablePerLayer, target, RATE_BOUNDS);
    tried.push(rates);
    tpe.tell(point, await search.trial({ searched: rates }));
  }
  return { value: tried[search.best()] ?? [], search: search.record };
}

/** Values of the expression over the blocks that an evolution of expressions found best. */
export async function searchExpression(context: FactContext): Promise<Found<number[]>> {
  const number = (name: string): number => Number(context.plan.params[name]);
  const budget = number(DSA_BUDGET.name);
  const evolution = new ExpressionEvolution(number(DSA_POPULATION.name), number(DSA_SEED.name));
  const search = new Search(context, 'dsa', budget);
  const scores = new BlockScores(context);
  const tried: number[][] = [];
  for (let i = 0; i < budget; i++) {
    const expression = evolution.ask();
    const importance = await scores.importance(expression);
    tried.push(importance);
    evolution.tell(
      expression,
      await search.trial({ importance }, { expression: formatExpression(expression) }),
    );
  }
  return { value: tried[search.best()] ?? [], search: search.record };
}
