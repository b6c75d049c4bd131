/** Recording without running: what a job would ask of the GPU, counted, at sizes that this machine could not run. */
import { Recorder, UNIFORM_SLOTS, type Dispatch } from '../gpu/recorder';
import type { LabBuffer } from '../gpu/scope';

/** Counts what is recorded and submits nothing; whatever is read back is zero. Cuts submits as a Recorder does. */
export class CountingRecorder extends Recorder {
  #cost = 0;
  #slot = 0;
  #open = false;
  readonly #watch: (dispatch: Dispatch) => void;

  constructor(ctx: Recorder['ctx'], watch: (dispatch: Dispatch) => void) {
    super(ctx);
    this.#watch = watch;
  }

  override run(dispatch: Dispatch): Promise<void> {
    if (this.#slot === UNIFORM_SLOTS || (this.#cost > 0 && this.#cost + dispatch.cost > this.maxCost)) this.flush(); // prettier-ignore
    this.#open = true;
    this.#slot += 1;
    this.#cost += dispatch.cost;
    this.work.dispatches += 1;
    this.work.flops += dispatch.flops ?? 0;
    this.work.bytes += dispatch.bytes;
    this.#watch(dispatch);
    return Promise.resolve();
  }

  override copy(_from: LabBuffer, _at: number, _to: LabBuffer, _toAt: number, bytes: number): void {
    this.#open = true;
    this.#cost += bytes;
    this.work.bytes += 2 * bytes;
  }

  override clear(buffer: LabBuffer, offset = 0, bytes = buffer.bytes - offset): void {
    this.#open = true;
    this.work.bytes += bytes;
  }

  override write(_buffer: LabBuffer, _offset: number, data: ArrayBufferView): void {
    this.flush();
    this.work.bytes += data.byteLength;
  }

  override flush(): void {
    if (!this.#open) return;
    this.work.submits += 1;
    this.#open = false;
    this.#slot = 0;
    this.#cost = 0;
  }

  override finish(): Promise<void> {
    this.flush();
    return Promise.resolve();
  }

  override readMany(pieces: readonly { buffer: LabBuffer; bytes: number }[]): Promise<ArrayBuffer[]> {
    for (const { bytes } of pieces) this.work.bytes += 2 * bytes;
    this.#open = true;
    this.flush();
    this.work.readbacks += 1;
    return Promise.resolve(pieces.map(({ bytes }) => new ArrayBuffer(bytes)));
  }
}
