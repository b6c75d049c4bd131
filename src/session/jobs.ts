/**
 * Which job may run: one foreground job at a time, in order of arrival; a background job (a sweep or a LONG one) beside
 * it, held between submits while a foreground job runs or waits. A newer run replaces an older one.
 */
import { LabError } from '../core/errors';
import { BACKGROUND_JOBS, type JobKind } from './protocol';

interface Running {
  job: number;
  kind: JobKind;
  abort: AbortController;
  done: Promise<void>;
}

/** Kinds that a new job of the given kind makes pointless. */
const REPLACES: Partial<Record<JobKind, readonly JobKind[]>> = {
  load: ['load', 'tick', 'run', 'sweep', 'compare', 'theory', 'search', 'generate', 'export', 'inspect'],
  run: ['run', 'tick'],
  tick: ['run'],
  sweep: ['sweep'],
  compare: ['compare', 'sweep'],
  theory: ['theory', 'sweep'],
  search: ['search', 'sweep'],
  generate: ['generate'],
  inspect: ['inspect'],
};

/** Background jobs that others of the background wait for. */
const LONG: readonly JobKind[] = BACKGROUND_JOBS.filter((kind) => kind !== 'sweep');

export class JobRunner {
  readonly #running = new Map<number, Running>();
  /** Foreground jobs that run or wait. */
  #foreground = 0;
  #tail: Promise<unknown> = Promise.resolve();
  #idle: Promise<void> = Promise.resolve();
  #setIdle: () => void = () => undefined;

  /** Runs `work` when it is this job's turn. Rejects with CancelledError when it was cancelled while waiting. */
  async run<T>(
    job: number,
    kind: JobKind,
    work: (control: { signal: AbortSignal; gate: () => Promise<void> | undefined }) => Promise<T>,
  ): Promise<T> {
    const replaced = [...this.#running.values()].filter((r) => REPLACES[kind]?.includes(r.kind));
    for (const r of replaced) r.abort.abort();
    const abort = new AbortController();
    let finished: () => void = () => undefined;
    const entry: Running = { job, kind, abort, done: new Promise((resolve) => (finished = resolve)) };
    this.#running.set(job, entry);
    try {
      if (BACKGROUND_JOBS.includes(kind)) {
        // The seconds of a comparison are its own: others wait for it, unless they are cancelled meanwhile.
        const before = [...this.#running.values()].filter((r) => LONG.includes(r.kind) && r !== entry);
        const cancelled = new Promise<void>((resolve) =>
          abort.signal.addEventListener('abort', () => resolve(), { once: true }),
        );
        await Promise.race([Promise.all([...replaced, ...before].map((r) => r.done)), cancelled]);
        return await this.#start(work, {
          signal: abort.signal,
          gate: () => (this.#foreground > 0 ? this.#idle : undefined),
        });
      }
      return await this.#inTurn(async () => {
        await Promise.all(replaced.map((r) => r.done));
        return this.#start(work, { signal: abort.signal, gate: () => undefined });
      });
    } finally {
      this.#running.delete(job);
      finished();
    }
  }

  cancel(job: number | 'all'): void {
    for (const r of this.#running.values()) if (job === 'all' || r.job === job) r.abort.abort();
  }

  /** Resolves when nothing runs; call after cancel('all') before the device goes. */
  async settled(): Promise<void> {
    await Promise.all([...this.#running.values()].map((r) => r.done));
  }

  async #start<T>(
    work: (control: { signal: AbortSignal; gate: () => Promise<void> | undefined }) => Promise<T>,
    control: { signal: AbortSignal; gate: () => Promise<void> | undefined },
  ): Promise<T> {
    if (control.signal.aborted) throw new LabError('CancelledError', 'Cancelled.');
    // A held job must wake up to be cancelled.
    const gate = (): Promise<void> | undefined => {
      const held = control.gate();
      if (!held) return undefined;
      return Promise.race([
        held,
        new Promise<void>((resolve) =>
          control.signal.addEventListener('abort', () => resolve(), { once: true }),
        ),
      ]);
    };
    return work({ signal: control.signal, gate });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#foreground === 0) this.#idle = new Promise((resolve) => (this.#setIdle = resolve));
    this.#foreground += 1;
    const result = this.#tail.then(work, work);
    this.#tail = result.then(
      () => this.#leave(),
      () => this.#leave(),
    );
    return result;
  }

  #leave(): void {
    this.#foreground -= 1;
    if (this.#foreground === 0) this.#setIdle();
  }
}
