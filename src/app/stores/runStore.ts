/** What arrived from the engine. Written by the controller only, at most once per animation frame while jobs stream. */
import { createStore } from 'zustand/vanilla';
import type { CurvePoint, LayerErrors, RunReport, StatsKind } from '../../core/report';
import type { LabSpec, TextName } from '../../core/spec';
import type { BaseModel } from '../lab/experiment';
import type {
  Boot,
  GenerateResult,
  JobKind,
  MemoryUsage,
  ModelSummary,
  Prediction,
} from '../../session/protocol';

/** One run's error rows; complete once `report` is there. */
export interface RunRecord {
  key: string;
  spec: LabSpec;
  kind: StatsKind;
  text: TextName;
  tokens: number;
  hidden: number;
  rows: LayerErrors[];
  report: RunReport | null;
  /** Where it was read from, for figures that were not measured here. */
  stored?: string;
}

/** Cumulative error of every layer from dense statistics, while dragging. */
export interface PreviewRecord {
  key: string;
  spec: LabSpec;
  tokens: number;
  hidden: number;
  layers: { cumulative: number | null; dense: number | null }[];
}

export interface CurveRecord {
  key: string;
  kind: StatsKind;
  points: CurvePoint[];
  /** All points are there. */
  done: boolean;
  /** Where it was read from, for points that were not measured here. */
  stored?: string;
}

export interface JobRecord {
  id: number;
  kind: JobKind;
  /** What the user would call it. */
  label: string;
  stage: string;
  done: number;
  total: number;
  unit: string;
  tokensPerSecond: number | null;
  secondsLeft: number | null;
}

export interface Generation {
  prompt: string;
  running: boolean;
  /** The pruned side's spec in words, as it was when Generate was pressed. */
  prunedLabel: string;
  dense: string;
  pruned: string;
  result: GenerateResult | null;
}

export type Phase = 'booting' | 'loading' | 'ready' | 'lost' | 'unsupported';

export interface RunState {
  phase: Phase;
  boot: Boot | null;
  model: ModelSummary | null;
  /** An experiment from a file whose base model is not loaded yet. */
  awaiting: { source: string; report: RunReport; base: BaseModel } | null;
  memory: MemoryUsage | null;
  jobs: JobRecord[];
  /** Complete runs by key, the newest last. */
  runs: Readonly<Record<string, RunRecord>>;
  /** The run whose rows are arriving. */
  live: RunRecord | null;
  /** Key of the complete run that was last on screen. */
  lastShown: string | null;
  preview: PreviewRecord | null;
  previewUniform: PreviewRecord | null;
  /** Rates of the layers that the engine has worked out last, and of which spec. */
  asked: { key: string; rates: number[] } | null;
  /** By curve key, then kind. */
  curves: Readonly<Record<string, Partial<Record<StatsKind, CurveRecord>>>>;
  generation: Generation | null;
  sweepPrediction: (Prediction & { key: string }) | null;
  /** The last thing that ended, for the status line when nothing runs. */
  lastMessage: string;
}

export function emptyResults(): Pick<
  RunState,
  | 'runs'
  | 'live'
  | 'lastShown'
  | 'preview'
  | 'previewUniform'
  | 'asked'
  | 'curves'
  | 'generation'
  | 'sweepPrediction'
> {
  return {
    runs: {},
    live: null,
    lastShown: null,
    preview: null,
    previewUniform: null,
    asked: null,
    curves: {},
    generation: null,
    sweepPrediction: null,
  };
}

export const runStore = createStore<RunState>(() => ({
  phase: 'booting',
  boot: null,
  model: null,
  awaiting: null,
  memory: null,
  jobs: [],
  ...emptyResults(),
  lastMessage: 'Opening the graphics device',
}));

type Update = (state: RunState) => Partial<RunState>;

let pending: Update[] = [];
let scheduled = false;

function flush(): void {
  scheduled = false;
  const updates = pending;
  pending = [];
  if (updates.length === 0) return;
  runStore.setState((state) =>
    updates.reduce<RunState>((next, update) => ({ ...next, ...update(next) }), state),
  );
}

/** Joins the updates of one frame into one write. A hidden tab gets no frames, so a timer stands in. */
export function updateInFrame(update: Update): void {
  pending.push(update);
  if (scheduled) return;
  scheduled = true;
  if (typeof requestAnimationFrame === 'function' && !document.hidden) requestAnimationFrame(flush);
  else setTimeout(flush, 50);
}

/** Applies what is pending, then this update, at once: for changes that the user waits for. */
export function updateNow(update: Update): void {
  pending.push(update);
  flush();
}
