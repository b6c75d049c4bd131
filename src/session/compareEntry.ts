/** An entry of a comparison as a spec of its own, and why some are not run. */
import { SAME_ZEROS, type CompareEntry, type CompareSpec } from '../core/comparison';
import { LabError } from '../core/errors';
import type { LabSpec, ParamValue } from '../core/spec';
import { betaGrid, findAllocation } from '../pruning/allocations';
import { BAYES_TRIALS } from '../pruning/allocations/bayesian';
import { DSA_BUDGET } from '../pruning/allocations/dsa';
import { findPruner } from '../pruning/pruners';
import { paramsOf } from './plan';

/** Names that `--set` may give to an entry. */
function knownParams({ pruner, allocation }: CompareEntry): Set<string> {
  return new Set(paramsOf(findPruner(pruner.id), findAllocation(allocation.id)).map((p) => p.name));
}

/** SpecError where an id is not known, or a common parameter belongs to none of the entries. */
export function checkMethods(spec: CompareSpec, entries: readonly CompareEntry[]): void {
  const known = new Set(entries.flatMap((entry) => [...knownParams(entry)]));
  const stray = Object.keys(spec.base.set).find((name) => !known.has(name));
  if (stray !== undefined)
    throw new LabError(
      'SpecError',
      `None of the compared methods has a parameter "${stray.slice(0, 60)}".`,
      `Known here: ${[...known].join(', ')}.`,
    );
}

/**
 * The entry's spec with beta 0. Common parameters go to the methods that have them; those of the entry's own methods
 * are passed on as they are, so that a wrong one is said.
 */
export function entrySpec({ base }: CompareSpec, entry: CompareEntry): LabSpec {
  const known = knownParams(entry);
  const { layerSparsity, ...rest } = base;
  const shared = Object.entries(base.set).filter(([name]) => known.has(name));
  const { beta: _, ...own } = { ...entry.pruner.set, ...entry.allocation.set };
  const set: Record<string, ParamValue> = {
    ...Object.fromEntries(SAME_ZEROS.filter((name) => known.has(name)).map((name) => [name, true])),
    ...Object.fromEntries(shared),
    ...own,
  };
  return {
    ...rest,
    ...(layerSparsity && entry.allocation.id === 'custom' ? { layerSparsity } : {}),
    pruner: entry.pruner.id,
    allocation: entry.allocation.id,
    sparsity: entry.sparsity,
    beta: 0,
    set,
  };
}

/** The entry's own beta; 'auto' where it names none. */
export function givenBeta({ allocation }: CompareEntry): number | 'auto' {
  const { beta } = allocation.set;
  if (beta === undefined) return 'auto';
  if (typeof beta !== 'number')
    throw new LabError('SpecError', `Beta must be a number, not ${JSON.stringify(beta)}.`);
  return beta;
}

/** About how many prunings of the whole model an entry takes. */
export function entryWeight(spec: CompareSpec, entry: CompareEntry, layers: number): number {
  const { set } = entrySpec(spec, entry);
  const allocation = findAllocation(entry.allocation.id);
  if (allocation.hasBeta)
    return entry.allocation.set['beta'] !== undefined
      ? 1
      : 2 + (spec.base.betas?.length ?? betaGrid(entry.sparsity, layers).length);
  // What searches rates by trying them.
  const trials = [BAYES_TRIALS, ...(set['dsaExpression'] === 'search' ? [DSA_BUDGET] : [])]
    .filter((budget) => allocation.params.includes(budget))
    .map(({ name, init }) => set[name] ?? init);
  return trials.reduce<number>((sum, n) => sum + (typeof n === 'number' ? n : 0), 1);
}

/** Seconds that the rest of a queue takes, from what each pruner took for a pruning so far; null before the first. */
export class TimeLeft {
  readonly #done: { pruner: string; weight: number; ms: number }[] = [];

  /** `pruner` took `ms` for `weight` prunings. */
  add(pruner: string, weight: number, ms: number): void {
    this.#done.push({ pruner, weight, ms });
  }

  of(rest: readonly { pruner: string; weight: number }[]): number | null {
    const all = this.#perWeight(this.#done);
    if (all === null) return null;
    return rest.reduce((sum, { pruner, weight }) => {
      const own = this.#perWeight(this.#done.filter((d) => d.pruner === pruner));
      return sum + (weight * (own ?? all)) / 1000;
    }, 0);
  }

  #perWeight(done: readonly { weight: number; ms: number }[]): number | null {
    const weight = done.reduce((sum, d) => sum + d.weight, 0);
    return weight > 0 ? done.reduce((sum, d) => sum + d.ms, 0) / weight : null;
  }
}
