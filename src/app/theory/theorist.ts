/** The theory on trial on this page: what is chosen, what is measured, and where it is kept between visits. */
import { createStore } from 'zustand/vanilla';
import { LabError } from '../../core/errors';
import type { LabSpec } from '../../core/spec';
import { parseStoredTheory } from '../../core/storedTheory';
import {
  experimentOf,
  THEORY_RATES,
  THEORY_SEEDS,
  type TheoremId,
  type TheoryRecord,
  type TheorySpec,
} from '../../core/theory';
import type { Boot } from '../../session/protocol';
import { ObjectStore } from '../history/objectStore';
import type { Lab } from '../lab/lab';
import { runStore } from '../stores/runStore';
import { specStore } from '../stores/specStore';
import { runPoints } from './runPoints';

/** What the user chooses here; all else is that of the experiment. */
export interface Draft {
  seeds: number[];
  rates: number[];
  others: TheorySpec['others'];
}

export interface TheoryState {
  draft: Draft | null;
  record: TheoryRecord | null;
  /** What runs now, and its job. */
  running: { job: number; theorems: readonly TheoremId[] } | null;
  /** Why the last one failed: alerts lie behind the dialog. */
  problem: string | null;
}

export const theoryStore = createStore<TheoryState>(() => ({
  draft: null,
  record: null,
  running: null,
  problem: null,
}));

/** Sparsities of 3.1 where the device is slow. */
const SLOW_RATES: readonly number[] = [0.1, 0.3, 0.5, 0.7, 0.9];

const KEY = 'last';
const shelf = new ObjectStore('prunelab-theory', 'last');
let restored = false;

/** The experiment's own seeds where it has several; otherwise three, or one where the device is slow. */
export function firstDraft(spec: LabSpec, slow: boolean): Draft {
  const many = [...new Set([spec.seed, ...THEORY_SEEDS])].slice(0, THEORY_SEEDS.length);
  return {
    seeds: spec.seeds ?? (slow ? [spec.seed] : many),
    rates: [...(slow ? SLOW_RATES : THEORY_RATES)],
    others: 'target',
  };
}

export function change(patch: Partial<Draft>): void {
  theoryStore.setState(({ draft }) => ({ draft: draft && { ...draft, ...patch } }));
}

/** First opening of a visit: what was there before, or a choice to begin with. */
export async function restore(): Promise<void> {
  if (restored) return;
  restored = true;
  const { boot } = runStore.getState();
  theoryStore.setState({ draft: firstDraft(specStore.getState().spec, boot?.slow ?? false) });
  const value = await shelf.run('readonly', (store) => store.get(KEY) as IDBRequest<unknown>);
  if (value === null || value === undefined || theoryStore.getState().record) return;
  try {
    const record = parseStoredTheory('The stored theory', value);
    const { seeds, rates, others } = record.spec;
    theoryStore.setState({ record, draft: { seeds, rates, others } });
  } catch {
    // Of another version: it is measured anew.
  }
}

/** What the experiment's settings and the draft ask for; allocation and beta are the theory's own. */
export function specOf(draft: Draft, spec: LabSpec, boot: Boot | null): Omit<TheorySpec, 'theorems'> {
  const { layerSparsity: _l, betas: _b, seeds: _s, ...rest } = spec;
  const { seeds, rates, others } = draft;
  // What is set of an allocation has no meaning here.
  const own = boot?.pruners.find(({ id }) => id === spec.pruner)?.params.map(({ name }) => name) ?? [];
  const set = Object.fromEntries(Object.entries(spec.set).filter(([name]) => own.includes(name)));
  const seed = seeds.includes(spec.seed) ? spec.seed : (seeds[0] ?? spec.seed);
  return { base: { ...rest, allocation: 'atp', beta: 'auto', set, seed }, seeds, rates, others };
}

/** Whether a run of `spec` goes on from the record: same model and settings. */
export function goesOn(record: TheoryRecord, spec: Omit<TheorySpec, 'theorems'>, sha256: string): boolean {
  const settings = ({ base, seeds, rates, others }: Omit<TheorySpec, 'theorems'>): string => {
    const { model: _, allocation: _a, set, texts, ...own } = base;
    const plain = Object.entries(own).sort(([a], [b]) => (a < b ? -1 : 1));
    return JSON.stringify([plain, Object.entries(set).sort(), texts.calibration, texts.select, texts.report, seeds, rates, others]); // prettier-ignore
  };
  return record.model.sha256 === sha256 && settings(record.spec) === settings(spec);
}

/** Puts theorems on trial; what was measured before under the same model, texts and settings stands. */
export async function start(lab: Lab, theorems: readonly TheoremId[]): Promise<void> {
  const { draft, record: known } = theoryStore.getState();
  const { model, boot } = runStore.getState();
  if (!draft || !model) return;
  const wanted = specOf(draft, specStore.getState().spec, boot);
  const past = theorems.includes('proxy') ? await lab.experiments.history.list() : [];
  const runs = runPoints(
    past.map(({ report }) => report),
    model.sha256,
  );
  const spec: TheorySpec = { ...wanted, theorems: [...theorems], ...(runs.length > 0 && { runs }) };
  theoryStore.setState({ problem: null });
  lab.onTheory = keep;
  const done = await lab.jobs.track('theory', 'Theory', async (job) => {
    theoryStore.setState({ running: { job, theorems } });
    try {
      return await lab.api.theory(job, spec, known?.model.sha256 === model.sha256 ? known : null);
    } catch (cause) {
      const { kind, message, remedy } = LabError.from(cause);
      if (kind !== 'CancelledError') theoryStore.setState({ problem: `${message} ${remedy ?? ''}`.trim() });
      throw cause;
    }
  });
  if (done) keep(done);
  theoryStore.setState({ running: null });
}

function keep(record: TheoryRecord): void {
  theoryStore.setState({ record });
  void shelf.run('readwrite', (store) => store.put(record, KEY));
}

/** What is measured so far stays. */
export function stop(lab: Lab): void {
  const { running } = theoryStore.getState();
  if (running) lab.api.cancel(running.job);
}

export function forget(): void {
  theoryStore.setState({ record: null });
  void shelf.run('readwrite', (store) => store.delete(KEY));
}

/** How far one theorem is. */
export function stageOf(record: TheoryRecord | null, theorem: TheoremId): 'none' | 'part' | 'done' {
  const found = record && experimentOf(record, theorem);
  return !found ? 'none' : found.done ? 'done' : 'part';
}
