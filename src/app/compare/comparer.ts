/** The comparison of this page: what is chosen, what is measured, and where it is kept between visits. */
import { createStore } from 'zustand/vanilla';
import { compareEntries, isDone, type Comparison, type CompareSpec } from '../../core/comparison';
import type { LabSpec } from '../../core/spec';
import { ComparisonShelf } from '../history/comparisonShelf';
import type { Lab } from '../lab/lab';
import { patternRate } from '../stores/legal';
import { runStore } from '../stores/runStore';
import { specStore } from '../stores/specStore';

/** What the user chooses; all else is that of the experiment. */
export interface Draft {
  pruners: string[];
  allocations: string[];
  sparsities: number[];
  seeds: number[];
  axes: boolean;
}

export interface CompareState {
  draft: Draft;
  comparison: Comparison | null;
  /** Number of the running job. */
  job: number | null;
}

export const compareStore = createStore<CompareState>(() => ({
  draft: { pruners: [], allocations: [], sparsities: [], seeds: [], axes: false },
  comparison: null,
  job: null,
}));

const shelf = new ComparisonShelf();
let restored = false;

export function change(draft: Partial<Draft>): void {
  compareStore.setState((state) => ({ draft: { ...state.draft, ...draft } }));
}

/** First opening of a visit: what was there before, or a choice to begin with. */
export async function restore(): Promise<void> {
  if (restored) return;
  restored = true;
  const { spec } = specStore.getState();
  const known = runStore.getState().boot?.pruners.map(({ id }) => id) ?? [];
  const rate = patternRate(spec.pattern);
  change({
    pruners: ['wanda', 'magnitude'].filter((id) => known.includes(id)),
    allocations: rate === null ? ['uniform', 'atp'] : ['uniform'],
    sparsities: [rate ?? spec.sparsity],
    seeds: spec.seeds ?? [spec.seed],
  });
  const comparison = await shelf.read();
  if (!comparison || compareStore.getState().comparison) return;
  const { base, pruners, allocations, sparsities, axes } = comparison.spec;
  compareStore.setState({ comparison });
  change({ pruners, allocations, sparsities, axes, seeds: base.seeds ?? [base.seed] });
}

/** The comparison that the draft describes, on top of the experiment's texts and settings. */
export function specOf(draft: Draft, spec: LabSpec): CompareSpec {
  const { pruner: _p, allocation: _a, sparsity: _s, beta: _b, layerSparsity: _l, betas: _bs, ...rest } = spec;
  const { seeds, ...lists } = draft;
  const { seeds: _seeds, ...base } = rest;
  const main = seeds.includes(spec.seed) ? spec.seed : (seeds[0] ?? spec.seed);
  return {
    ...lists,
    // Every method with its own defaults: what is set in the experiment belongs to one of them.
    base: { ...base, set: {}, seed: main, ...(seeds.length > 1 ? { seeds } : {}) },
  };
}

/** Entries of the queue; 0 while the choice is not complete. */
export function entryCount(spec: CompareSpec): number {
  try {
    return compareEntries(spec).length;
  } catch {
    return 0;
  }
}

/** Rows that a cancelled or interrupted comparison still lacks. */
export function missingRows(comparison: Comparison): number {
  return entryCount(comparison.spec) - comparison.rows.length;
}

/** Runs `spec`; rows that were measured before under the same model, texts and settings stand. */
export async function start(lab: Lab, spec: CompareSpec): Promise<void> {
  const { comparison: before } = compareStore.getState();
  const model = runStore.getState().model;
  const known = before && before.model.sha256 === model?.sha256 && before.rows.some(isDone) ? before : null;
  lab.onCompared = (comparison) => {
    compareStore.setState({ comparison });
    void shelf.write(comparison);
  };
  const done = await lab.jobs.track('compare', 'Comparison', (job) => {
    compareStore.setState({ job });
    return lab.api.compare(job, spec, known);
  });
  if (done) {
    compareStore.setState({ comparison: done });
    await shelf.write(done);
  }
  compareStore.setState({ job: null });
}

/** Goes on with what was interrupted, as it was asked for then. */
export function resume(lab: Lab): Promise<void> {
  const { comparison } = compareStore.getState();
  return comparison ? start(lab, comparison.spec) : Promise.resolve();
}

export function stop(lab: Lab): void {
  const { job } = compareStore.getState();
  if (job !== null) lab.api.cancel(job);
}

export function forget(): void {
  compareStore.setState({ comparison: null });
  void shelf.clear();
}
