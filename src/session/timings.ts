import type { RunReport, WorkCount } from '../core/report';
import type { Recorder } from '../gpu/recorder';

/** Work recorded since `before`, a copy of the recorder's counts. */
export function workSince({ work }: Recorder, before: WorkCount): WorkCount {
  const since = { ...work };
  for (const key of Object.keys(since) as (keyof WorkCount)[]) since[key] -= before[key];
  return since;
}

/** Milliseconds and work by stage. */
export class Timings {
  readonly record: RunReport['timings'] = {};
  readonly #rec: Recorder;

  constructor(rec: Recorder) {
    this.#rec = rec;
  }

  async stage<T>(name: string, work: () => Promise<T>): Promise<T> {
    const startMs = performance.now();
    const before = { ...this.#rec.work };
    const result = await work();
    this.record[name] = { ms: performance.now() - startMs, ...workSince(this.#rec, before) };
    return result;
  }
}
