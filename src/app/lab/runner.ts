/**
 * Foreground work on the present spec: ticks while a slider moves (newest wins, one in flight and one waiting), the
 * exact run on release, and after it the uniform run that everything is compared with.
 */
import { LabError } from '../../core/errors';
import type { RunReport } from '../../core/report';
import type { LabSpec } from '../../core/spec';
import type { LabEvent } from '../../session/protocol';
import { betaOf } from '../stores/legal';
import { isUniform, runKey, uniformKey, uniformSpec } from '../stores/keys';
import { runStore, updateInFrame, updateNow, type PreviewRecord, type RunRecord } from '../stores/runStore';
import { specStore } from '../stores/specStore';
import type { Jobs } from './jobs';

/** Complete runs kept for undo and for points that are visited again. */
const KEPT_RUNS = 48;

type Layers = Extract<LabEvent, { type: 'layers' }>;

export class Runner {
  readonly #jobs: Jobs;
  /** Called when the present spec and its comparison are done. */
  readonly #whenIdle: () => void;
  /** Told of every complete run of the present spec. */
  readonly #onRun: (report: RunReport) => void;
  #job: number | null = null;
  /** The job whose rows go on screen; the comparison's do not. */
  #shownJob: number | null = null;
  #waitingTick: LabSpec | null = null;
  #ticking = false;

  constructor(jobs: Jobs, whenIdle: () => void, onRun: (report: RunReport) => void = () => undefined) {
    this.#jobs = jobs;
    this.#whenIdle = whenIdle;
    this.#onRun = onRun;
  }

  /** Runs the present spec, or shows it when it is known; then the comparison. */
  async run(): Promise<void> {
    this.stop();
    const spec = { ...specStore.getState().spec, beta: betaOf(specStore.getState().spec) };
    const key = runKey(spec);
    const known = runStore.getState().runs[key];
    if (known) {
      updateNow(() => ({ live: null, lastShown: key, preview: null }));
      // What a file says is compared with nothing until it was run here.
      if (known.stored !== undefined) return;
    } else {
      const done = await this.#execute(spec, 'Run', true);
      if (!done || runKey(specStore.getState().spec) !== key) return;
      updateNow(() => ({ live: null, lastShown: key, preview: null }));
    }
    await this.#compare(spec);
  }

  async #compare(spec: LabSpec): Promise<void> {
    const uniform = runStore.getState().runs[uniformKey(spec)];
    if (!uniform || uniform.stored !== undefined) {
      const done = await this.#execute(uniformSpec(spec), 'Uniform run to compare with', false);
      if (!done) return;
    }
    if (runKey(specStore.getState().spec) === runKey(spec)) this.#whenIdle();
  }

  async #execute(spec: LabSpec, label: string, shown: boolean): Promise<boolean> {
    const key = runKey(spec);
    const report = await this.#jobs.track('run', label, (job) => {
      this.#job = job;
      if (shown) this.#shownJob = job;
      return this.#jobs.api.run(job, spec);
    });
    if (!report) {
      if (shown)
        updateNow(({ live }) => ({ live: live?.key === key && live.rows.length === 0 ? null : live }));
      return false;
    }
    this.#job = null;
    const record = recordOf(key, spec, report);
    if (record) updateNow(({ runs }) => ({ runs: keepNewest({ ...runs, [key]: record }) }));
    if (shown) this.#onRun(report);
    return record !== null;
  }

  /** Cancels the run in flight, so that a tick need not wait for it. */
  stop(): void {
    if (this.#job !== null) this.#jobs.api.cancel(this.#job);
    this.#job = null;
    this.#waitingTick = null;
  }

  /** Preview of a spec under the pointer. */
  tick(spec: LabSpec): void {
    if (this.#job !== null) this.stop();
    this.#waitingTick = { ...spec, beta: betaOf(spec) };
    if (!this.#ticking) void this.#drain();
  }

  /** Drops the tick that waits; the one in flight may still arrive. */
  endDrag(): void {
    this.#waitingTick = null;
  }

  async #drain(): Promise<void> {
    this.#ticking = true;
    try {
      while (this.#waitingTick) {
        const spec = this.#waitingTick;
        this.#waitingTick = null;
        const preview = await this.#measure(spec);
        updateInFrame(() => ({ preview }));
        await this.#previewUniform(spec);
      }
    } catch (cause) {
      this.#jobs.report(LabError.from(cause));
    } finally {
      this.#ticking = false;
    }
  }

  /** One tick of the uniform spec, so that a drag is compared with its own kind. */
  async #previewUniform(spec: LabSpec): Promise<void> {
    if (runStore.getState().previewUniform?.key === uniformKey(spec) || isUniform(spec)) return;
    const previewUniform = await this.#measure(uniformSpec(spec));
    updateInFrame(() => ({ previewUniform }));
  }

  async #measure(spec: LabSpec): Promise<PreviewRecord> {
    const { tokens, hidden, layers } = await this.#jobs.api.tick(this.#jobs.number(), spec);
    return { key: runKey(spec), spec, tokens, hidden, layers };
  }

  onLayers(event: Layers): void {
    if (event.job !== this.#shownJob) return;
    const key = runKey(event.spec);
    updateInFrame(({ live, runs }) => {
      if (runs[key]) return {};
      const rows = live?.key === key ? [...live.rows] : [];
      event.rows.forEach((row, i) => {
        rows[event.from + i] = row;
      });
      const { spec, kind, text, tokens, hidden } = event;
      return { live: { key, spec, kind, text, tokens, hidden, rows, report: null } };
    });
  }
}

function recordOf(key: string, spec: LabSpec, report: RunReport): RunRecord | null {
  const { errors } = report;
  if (!errors) return null;
  const { kind, text, tokens, hidden, layers } = errors;
  return { key, spec, kind, text, tokens, hidden, rows: layers, report };
}

function keepNewest(runs: Record<string, RunRecord>): Record<string, RunRecord> {
  const entries = Object.entries(runs);
  return entries.length <= KEPT_RUNS ? runs : Object.fromEntries(entries.slice(-KEPT_RUNS));
}
