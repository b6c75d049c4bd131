/** What the user chose, with its history. Results are elsewhere. */
import { createStore } from 'zustand/vanilla';
import { defaultSpec, type LabSpec } from '../../core/spec';
import { runKey } from './keys';

const HISTORY_LIMIT = 200;

export interface SpecState {
  spec: LabSpec;
  past: LabSpec[];
  future: LabSpec[];
  /** The spec before the drag in progress; null outside of one. */
  before: LabSpec | null;
}

export const specStore = createStore<SpecState>(() => ({
  spec: defaultSpec(),
  past: [],
  future: [],
  before: null,
}));

/** Changes the spec for the moment, as a drag does. History is written by `commitSpec`. */
export function previewSpec(spec: LabSpec): void {
  specStore.setState((state) => ({ spec, before: state.before ?? state.spec }));
}

/** Ends a drag, or makes one change: one step of history. Returns false when nothing changed. */
export function commitSpec(spec?: LabSpec): boolean {
  const state = specStore.getState();
  const before = state.before ?? state.spec;
  const next = spec ?? state.spec;
  const changed = runKey(before) !== runKey(next);
  specStore.setState({
    spec: next,
    before: null,
    ...(changed && { past: [...state.past, before].slice(-HISTORY_LIMIT), future: [] }),
  });
  return changed;
}

/** Sets the spec without history: the start, another model. */
export function resetSpec(spec: LabSpec): void {
  specStore.setState({ spec, past: [], future: [], before: null });
}

export function undoSpec(): boolean {
  const { spec, past, future } = specStore.getState();
  const previous = past.at(-1);
  if (!previous) return false;
  specStore.setState({ spec: previous, past: past.slice(0, -1), future: [spec, ...future], before: null });
  return true;
}

export function redoSpec(): boolean {
  const { spec, past, future } = specStore.getState();
  const next = future[0];
  if (!next) return false;
  specStore.setState({ spec: next, past: [...past, spec], future: future.slice(1), before: null });
  return true;
}
