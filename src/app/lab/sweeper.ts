/** The background sweep: its points are kept until anything but beta changes. */
import type { Curve, CurvePoint, StatsKind } from '../../core/report';
import type { LabSpec } from '../../core/spec';
import type { LabEvent } from '../../session/protocol';
import { curveKey } from '../stores/keys';
import { sweepGrid, usesBeta } from '../stores/legal';
import { runStore, updateInFrame, updateNow, type CurveRecord, type RunState } from '../stores/runStore';
import { specStore } from '../stores/specStore';
import { uiStore } from '../stores/uiStore';
import type { Jobs } from './jobs';

/** A sweep that is predicted to end within this starts by itself after a change. */
const UNASKED_SECONDS = 15;

type Point = Extract<LabEvent, { type: 'point' }>;

/** The kind of sweep that a device is fit for: exact on a GPU, preview on a software adapter. */
export function defaultSweepKind(state: RunState): StatsKind {
  return state.boot?.device.software ? 'preview' : 'exact';
}

export class Sweeper {
  readonly #jobs: Jobs;
  #job: number | null = null;
  #key: string | null = null;
  /** The first sweep starts unasked. */
  #unasked = true;

  constructor(jobs: Jobs) {
    this.#jobs = jobs;
  }

  get running(): boolean {
    return this.#job !== null;
  }

  /** After a run: measures how long a sweep would take, and starts one where that is expected. */
  async consider(): Promise<Curve | null> {
    const { spec } = specStore.getState();
    const state = runStore.getState();
    if (!state.model || !usesBeta(spec, state.model.layers)) return null;
    const key = curveKey(spec);
    const known = state.curves[key]?.[defaultSweepKind(state)];
    const prediction =
      state.sweepPrediction?.key === key ? state.sweepPrediction : await this.#predict(spec, key);
    const quick = !state.boot?.device.software && (prediction?.seconds ?? Infinity) <= UNASKED_SECONDS;
    if (this.running || known || !(this.#unasked || quick)) return null;
    if (curveKey(specStore.getState().spec) !== key) return null;
    return this.start(defaultSweepKind(state));
  }

  async #predict(spec: LabSpec, key: string): Promise<{ seconds: number | null } | null> {
    try {
      const prediction = await this.#jobs.api.predict('sweep', spec);
      updateInFrame(() => ({ sweepPrediction: { ...prediction, key } }));
      return prediction;
    } catch {
      return null; // a sweep can be run without being predicted
    }
  }

  /** Measures the curve. Resolves to null when it was cancelled or failed. */
  async start(kind: StatsKind): Promise<Curve | null> {
    this.stop();
    const spec: LabSpec = { ...specStore.getState().spec, beta: 0 };
    const key = curveKey(spec);
    this.#key = key;
    this.#unasked = false;
    const curve = await this.#jobs.track('sweep', 'Sweep', (job) => {
      this.#job = job;
      return this.#jobs.api.sweep(job, spec, { kind, betas: this.#betas(spec) });
    });
    if (this.#key === key) this.#job = null;
    if (curve)
      updateNow(({ curves }) => ({ curves: mergePoints(curves, key, curve.kind, curve.points, true) }));
    return curve;
  }

  #betas(spec: LabSpec): number[] | null {
    const { model } = runStore.getState();
    if (!uiStore.getState().negative || !model) return null;
    return sweepGrid(spec, model.layers, true);
  }

  stop(): void {
    if (this.#job !== null) this.#jobs.api.cancel(this.#job);
    this.#job = null;
  }

  /** Ends a sweep whose points no longer describe what is chosen. */
  specChanged(spec: LabSpec): void {
    if (this.#key !== null && curveKey(spec) !== this.#key) this.stop();
  }

  onPoint({ spec, kind, point }: Point): void {
    updateInFrame(({ curves }) => ({ curves: mergePoints(curves, curveKey(spec), kind, [point], false) }));
  }
}

function mergePoints(
  curves: RunState['curves'],
  key: string,
  kind: StatsKind,
  points: readonly CurvePoint[],
  done: boolean,
): RunState['curves'] {
  const before = curves[key]?.[kind];
  // Points from a file and points measured here are never joined.
  const old = before?.stored === undefined ? before : undefined;
  const fresh = new Set(points.map(({ beta }) => beta));
  const merged = [...(old?.points ?? []).filter(({ beta }) => !fresh.has(beta)), ...points];
  const record: CurveRecord = {
    key,
    kind,
    points: merged.sort((a, b) => a.beta - b.beta),
    done: done || (old?.done ?? false),
  };
  return { ...curves, [key]: { ...curves[key], [kind]: record } };
}
