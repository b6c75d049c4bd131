/** Turns counted work into progress events: at most ten a second, the last one always. */
import type { Meter } from './engine';
import type { LabEvent } from './protocol';

const EVERY_MS = 100;

export class ProgressMeter implements Meter {
  readonly #emit: (event: LabEvent) => void;
  readonly #job: number;
  readonly #stage: string;
  /** Units that one token needs through the whole model. */
  readonly #unitsPerToken: number;
  readonly #startMs = performance.now();
  #total = 0;
  #done = 0;
  #lastMs = 0;

  constructor(emit: (event: LabEvent) => void, job: number, stage: string, unitsPerToken: number) {
    this.#emit = emit;
    this.#job = job;
    this.#stage = stage;
    this.#unitsPerToken = unitsPerToken;
  }

  /** Units done so far. */
  get done(): number {
    return this.#done;
  }

  total(units: number): void {
    this.#total += units;
    this.#send(false);
  }

  add(units: number): void {
    this.#done += units;
    this.#send(this.#done >= this.#total);
  }

  #send(last: boolean): void {
    const nowMs = performance.now();
    if (!last && nowMs - this.#lastMs < EVERY_MS) return;
    this.#lastMs = nowMs;
    const seconds = (nowMs - this.#startMs) / 1000;
    const rate = seconds > 0.2 && this.#done > 0 ? this.#done / seconds : null;
    this.#emit({
      type: 'progress',
      job: this.#job,
      stage: this.#stage,
      done: Math.min(1, this.#total > 0 ? this.#done / this.#total : 0),
      total: 1,
      unit: 'fraction',
      tokensPerSecond: rate === null ? null : rate / this.#unitsPerToken,
      secondsLeft: rate === null ? null : Math.max(0, this.#total - this.#done) / rate,
    });
  }
}
