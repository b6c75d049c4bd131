/** How the page is looked at: views, notes, open dialogs. None of it changes a result. */
import { createStore } from 'zustand/vanilla';
import type { ErrorKind } from '../../core/errors';
import type { StatsKind } from '../../core/report';
import type { HubPreview } from '../../session/protocol';
import type { ErrorView } from './errorView';
import { runStore, type RunRecord } from './runStore';

export interface AlertRecord {
  id: number;
  kind: ErrorKind;
  message: string;
  remedy: string | undefined;
  /** What the failure left standing. */
  kept: string;
  /** Offers to open the device anew. */
  reopen: boolean;
}

export interface NoteRecord {
  id: string;
  text: string;
  /** A remedy or a reason, set smaller. */
  detail?: string;
  action?: { label: string; run: () => void };
}

export type Dialog =
  | { name: 'export' }
  | { name: 'base' }
  | { name: 'runs' }
  /** The first layer is 0. */
  | { name: 'layer'; layer: number }
  | { name: 'compare' }
  | { name: 'theory' }
  | { name: 'zeroShot' }
  | { name: 'speed' }
  | { name: 'metricSearch' }
  | { name: 'hub'; id: string; revision: string; preview: HubPreview | null };

export interface UiState {
  view: ErrorView;
  /** Allows beta below 0, the control that should be worse. */
  negative: boolean;
  /** What Run sweep measures; null follows the device. */
  sweepKind: StatsKind | null;
  /** What the curve chart draws. */
  curveMeasure: 'perplexity' | 'kl' | 'topOne';
  alerts: AlertRecord[];
  notes: NoteRecord[];
  dialog: Dialog | null;
  pinned: RunRecord | null;
  /** Sparsity to return to when the pattern is free again. */
  freeSparsity: number;
}

export const uiStore = createStore<UiState>(() => ({
  view: 'absolute',
  negative: false,
  sweepKind: null,
  curveMeasure: 'perplexity',
  alerts: [],
  notes: [],
  dialog: null,
  pinned: null,
  freeSparsity: 0.7,
}));

/** Looks into a layer (the first is 0), once there is a model to look into. */
export function openLayer(layer: number): void {
  if (runStore.getState().model) uiStore.setState({ dialog: { name: 'layer', layer } });
}

let nextAlert = 1;

/** Opens an alert; the same message is not stacked twice. */
export function pushAlert(alert: Omit<AlertRecord, 'id' | 'reopen'> & { reopen?: boolean }): void {
  uiStore.setState(({ alerts }) => {
    const others = alerts.filter(({ kind, message }) => kind !== alert.kind || message !== alert.message);
    return { alerts: [...others, { reopen: false, ...alert, id: nextAlert++ }] };
  });
}

export function dismissAlert(id: number): void {
  uiStore.setState(({ alerts }) => ({ alerts: alerts.filter((alert) => alert.id !== id) }));
}

export function pushNote(note: NoteRecord): void {
  uiStore.setState(({ notes }) => ({ notes: [...notes.filter(({ id }) => id !== note.id), note] }));
}

export function dismissNote(id: string): void {
  uiStore.setState(({ notes }) => ({ notes: notes.filter((note) => note.id !== id) }));
}
