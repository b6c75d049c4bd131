/**
 * Measures what an allocation needs to know of the loaded model, and works out its rates. Facts are remembered with the
 * model that they were measured on.
 */
import type { AllocationRecord, SearchRecord } from '../../core/report';
import type { FactName, Facts } from '../../pruning/allocations/facts';
import type { Engine } from '../engine';
import { needsFacts, ratesFor, type LayerRates } from '../plan';
import type { FactContext, Found } from './context';

interface Measure<T> {
  /** Parameters that the fact depends on, beside the model. */
  params: readonly string[];
  /**
   * Whether it depends on the calibration text, on the target, or on all that a pruning run depends on: that always, or
   * where the allocation searches.
   */
  on: readonly ('text' | 'target' | 'run' | 'search')[];
  measure(context: FactContext): Promise<Found<T>>;
}

type Measures = { [K in FactName]: Measure<NonNullable<Facts[K]>> };

const MEASURES: Measures = {
  outliers: {
    params: ['owlM'],
    on: ['text'],
    measure: async (c) => (await import('./scores')).outliers(c),
  },
  importance: {
    params: ['dsaExpression'],
    on: ['text', 'search'],
    measure: async (c) =>
      c.plan.allocation.searches(c.plan.params)
        ? (await import('../allocationSearch')).searchExpression(c)
        : (await import('./scores')).importance(c),
  },
  searched: {
    params: [],
    on: ['run'],
    measure: async (c) => (await import('../allocationSearch')).searchRates(c),
  },
  alphas: {
    params: ['alphaTail', 'alphaAsIntended'],
    on: [],
    measure: async (c) => (await import('./spectra')).alphas(c),
  },
  blockSimilarity: {
    params: ['alsSequences', 'alsTokens', 'alsNormalise'],
    on: ['text'],
    measure: async (c) => (await import('./activations')).blockSimilarity(c),
  },
  inputSimilarity: {
    params: ['alsSequences', 'alsTokens', 'alsNormalise'],
    on: ['text'],
    measure: async (c) => (await import('./activations')).inputSimilarity(c),
  },
  magnitudes: { params: [], on: [], measure: async (c) => (await import('./scores')).magnitudes(c) },
  globalZeros: {
    params: ['globalScore'],
    on: ['text', 'target'],
    measure: async (c) => (await import('./scores')).globalZeros(c),
  },
  neuronal: {
    params: [],
    on: ['run'],
    measure: async (c) => (await import('./neuronal')).neuronal(c),
  },
  lampZeros: { params: [], on: ['target'], measure: async (c) => (await import('./scores')).lampZeros(c) },
};

/** By model, then by fact and what it depends on. */
const remembered = new WeakMap<Engine, Map<string, Found<unknown>>>();

function keyOf(name: FactName, { plan, calibration, select }: FactContext): string {
  const { params, on } = MEASURES[name];
  const whole = on.includes('run') || (on.includes('search') && plan.allocation.searches(plan.params));
  const run = whole
    ? [plan.spec.pruner, plan.spec.stats, plan.spec.pattern, plan.params, select.record.sha256]
    : params.map((param) => plan.params[param]);
  return JSON.stringify([
    name,
    run,
    on.includes('text') || whole ? calibration.record.sha256 : null,
    on.includes('target') || whole ? plan.requested : null,
  ]);
}

async function measure(name: FactName, context: FactContext): Promise<Found<unknown>> {
  const known = remembered.get(context.engine) ?? new Map<string, Found<unknown>>();
  remembered.set(context.engine, known);
  const key = keyOf(name, context);
  const found = known.get(key) ?? (await measureAnew(name, context));
  known.set(key, found);
  return found;
}

async function measureAnew(name: FactName, context: FactContext): Promise<Found<unknown>> {
  const found = await MEASURES[name].measure(context);
  if (!MEASURES[name].on.includes('text')) return found;
  const { divergedWarnings } = await import('./context');
  const { norms } = context.engine.dense(context.rec, context.calibration).stream;
  return { ...found, warnings: [...(found.warnings ?? []), ...divergedWarnings(norms)] };
}

export interface FoundAllocation {
  rates: LayerRates;
  allocation: AllocationRecord;
  warnings: string[];
}

/** Rates of a plan, its facts measured first where it has any. */
export async function allocationFor(context: FactContext, beta: number): Promise<FoundAllocation> {
  const { plan, engine } = context;
  const model = engine.model.plan;
  if (!needsFacts(plan)) return { ...ratesFor(model, plan, beta), warnings: [] };
  const facts: Record<string, unknown> = {};
  const warnings: string[] = [];
  let search: SearchRecord | undefined;
  for (const name of plan.allocation.needs(plan.params)) {
    const found = await measure(name, context);
    facts[name] = found.value;
    warnings.push(...(found.warnings ?? []));
    search ??= found.search;
  }
  const { rates, allocation } = ratesFor(model, plan, beta, facts);
  return { rates, allocation: { ...allocation, ...(search ? { search } : {}) }, warnings };
}
