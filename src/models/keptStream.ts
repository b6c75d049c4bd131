/** The residual stream behind the last block of the dense model, kept between jobs so that only the head runs again. */
import type { Recorder } from '../gpu/recorder';
import type { LabBuffer, Scope } from '../gpu/scope';
import type { Act } from '../ops/types';
import type { Batch } from './windows';

/** Above this a kept stream waits in host memory instead of on the GPU. */
export const KEPT_STREAM_GPU_BYTES = 128 << 20;

/** [tokens, hidden] f32. Filled batch by batch; on the GPU while it fits, else in host memory. */
export class KeptStream {
  readonly #rowBytes: number;
  readonly #gpu: LabBuffer | null;
  readonly #host: Float32Array<ArrayBuffer> | null;

  /** `gpuBytes`: above it the stream waits in host memory. The buffer belongs to `scope`. */
  constructor(scope: Scope, tokens: number, hidden: number, gpuBytes = KEPT_STREAM_GPU_BYTES) {
    this.#rowBytes = hidden * 4;
    const bytes = tokens * this.#rowBytes;
    const onGpu = bytes <= gpuBytes;
    this.#gpu = onGpu ? scope.alloc(bytes, 'denseStreams', 'dense last outputs') : null;
    this.#host = onGpu ? null : new Float32Array(bytes / 4);
  }

  /** GPU bytes that a stream of `tokens` takes. */
  static gpuBytes(tokens: number, hidden: number): number {
    const bytes = tokens * hidden * 4;
    return bytes <= KEPT_STREAM_GPU_BYTES ? bytes : 0;
  }

  async store(rec: Recorder, batch: Batch, from: Act): Promise<void> {
    const begin = batch.rowBegin * this.#rowBytes;
    const bytes = batch.rows * this.#rowBytes;
    if (this.#gpu) rec.copy(from.buffer, 0, this.#gpu, begin, bytes);
    else this.#host?.set(await rec.readF32(from.buffer, bytes / 4), begin / 4);
  }

  load(rec: Recorder, batch: Batch, to: Act): void {
    const begin = batch.rowBegin * this.#rowBytes;
    const bytes = batch.rows * this.#rowBytes;
    if (this.#gpu) rec.copy(this.#gpu, begin, to.buffer, 0, bytes);
    else if (this.#host) rec.write(to.buffer, 0, this.#host.subarray(begin / 4, (begin + bytes) / 4));
  }
}
