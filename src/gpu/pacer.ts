/**
 * Learns how much work fits into one submit on the machine at hand, so that submits stay short (a long one freezes the
 * desktop and delays Cancel). Cost is counted in flop-equivalents given by the ops.
 */
const TARGET_MS = { software: 110, hardware: 40 };
/** First guesses in cost per millisecond: about 1 GFLOPS in software, 300 GFLOPS on a GPU. */
const FIRST_COST_PER_MS = { software: 1e6, hardware: 3e8 };
const MAX_IN_FLIGHT = 2;

interface Flight {
  cost: number;
  done: Promise<void>;
}

export class SubmitPacer {
  readonly #targetMs: number;
  #costPerMs: number;
  #flights: Flight[] = [];
  #lastDoneMs = 0;
  #closed = false;

  constructor(software: boolean) {
    this.#targetMs = software ? TARGET_MS.software : TARGET_MS.hardware;
    this.#costPerMs = software ? FIRST_COST_PER_MS.software : FIRST_COST_PER_MS.hardware;
  }

  /** Cost that one submit may carry. */
  get budget(): number {
    return this.#costPerMs * this.#targetMs;
  }
  get costPerMs(): number {
    return this.#costPerMs;
  }
  get inFlight(): number {
    return this.#flights.length;
  }

  /** Call right after queue.submit. */
  submitted(device: GPUDevice, cost: number): void {
    const startMs = performance.now();
    const alone = this.#flights.length === 0;
    const flight: Flight = {
      cost,
      done: device.queue.onSubmittedWorkDone().then(
        () => this.#finish(flight, startMs, alone),
        () => this.#finish(flight, startMs, true, false),
      ),
    };
    this.#flights.push(flight);
  }

  #finish(flight: Flight, startMs: number, alone: boolean, measure = true): void {
    this.#flights = this.#flights.filter((f) => f !== flight);
    const nowMs = performance.now();
    const ms = nowMs - (alone ? startMs : Math.max(this.#lastDoneMs, startMs));
    this.#lastDoneMs = nowMs;
    // Tiny submits measure overhead, not speed.
    if (!measure || ms < 2 || flight.cost < this.budget / 8) return;
    const seen = flight.cost / ms;
    // A first submit compiles and warms caches: never let one sample move the estimate by more than 2x.
    const clamped = Math.min(Math.max(seen, this.#costPerMs / 2), this.#costPerMs * 2);
    this.#costPerMs += (clamped - this.#costPerMs) * 0.3;
  }

  /** Waits until another submit may be queued. */
  async turn(): Promise<void> {
    while (this.#flights.length >= MAX_IN_FLIGHT && !this.#closed) await this.#flights[0]?.done;
  }

  /** Waits until nothing is in flight. */
  async drain(): Promise<void> {
    while (this.#flights.length > 0) await this.#flights[this.#flights.length - 1]?.done;
  }

  close(): void {
    this.#closed = true;
  }
}
