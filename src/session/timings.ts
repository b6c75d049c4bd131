import type { RunReport } from '../core/report';
import type { Recorder } from '../gpu/recorder';

/** Milliseconds and flops by stage. */
export class Timings {
  readonly record: RunReport['timings'] = {};
  readonly #rec: Recorder;

  constructor(rec: Recorder) {
    this.#rec = rec;
  }

  async stage<T>(name: string, work: () => Promise<T>): Promise<T> {
    const startMs = performance.now();
    const before = this.#rec.work.flops;
    const result = await work();
    this.record[name] = { ms: performance.now() - startMs, flops: this.#rec.work.flops - before };
    return result;
  }
}
