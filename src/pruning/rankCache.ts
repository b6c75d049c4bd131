/**
 * Row orders do not depend on the sparsity: with fixed statistics one sort per row serves every beta. 2 bytes per
 * prunable weight, on the host for the CPU path and on the GPU for the GPU path; valid for one set of norms.
 */
import { LabError } from '../core/errors';
import type { Recorder } from '../gpu/recorder';
import type { LabBuffer, Scope } from '../gpu/scope';
import type { Vec, Weight } from '../ops/types';

/** Bytes that the orders may take on either side. */
const RANK_CACHE_BYTES = 512 << 20;

export class RankCache {
  readonly #ranks = new Map<string, Uint16Array<ArrayBuffer>>();
  readonly #onGpu = new Map<string, LabBuffer>();
  readonly #parent: Scope;
  #scope: Scope;
  #bytes = 0;
  #gpuBytes = 0;
  /** Memory ran out once: no more is asked for. */
  #full = false;

  /** GPU buffers belong to `scope`. */
  constructor(scope: Scope) {
    this.#parent = scope;
    this.#scope = scope.child();
  }

  /** GPU bytes of the orders of these weights. */
  static gpuBytes(weights: number): number {
    return Math.min(2 * weights, RANK_CACHE_BYTES);
  }

  /** Host bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  get(name: string): Uint16Array<ArrayBuffer> | undefined {
    return this.#ranks.get(name);
  }

  set(name: string, ranks: Uint16Array<ArrayBuffer>): void {
    if (this.#bytes + ranks.byteLength > RANK_CACHE_BYTES) return;
    this.#bytes += ranks.byteLength;
    this.#ranks.set(name, ranks);
  }

  /** The order of a matrix on the GPU, made on first use; undefined where there is no room for it. */
  async onGpu(rec: Recorder, weight: Weight, norms: Vec | null): Promise<LabBuffer | undefined> {
    const known = this.#onGpu.get(weight.name);
    if (known || this.#full) return known;
    const bytes = weight.rows * weight.cols * 2;
    const { MAX_RANKED_COLUMNS, rankRows } = await import('../ops/select');
    const { maxStorageBufferBindingSize, maxBufferSize } = rec.ctx.device.limits;
    const fits = bytes <= Math.min(maxStorageBufferBindingSize, maxBufferSize);
    if (!fits || weight.cols > MAX_RANKED_COLUMNS || this.#gpuBytes + bytes > RANK_CACHE_BYTES)
      return undefined;
    const buffer = this.#scope.alloc(bytes, 'cache', `order of ${weight.name}`);
    try {
      await this.#scope.ready();
    } catch (cause) {
      if (!(cause instanceof LabError) || cause.kind !== 'OutOfMemoryError') throw cause;
      this.#drop(rec);
      return undefined;
    }
    try {
      await rankRows(rec, weight, norms, buffer);
    } catch (cause) {
      this.#scope.free(buffer);
      throw cause;
    }
    // Submitted before it is remembered: work that is recorded only may be dropped.
    rec.flush();
    this.#gpuBytes += bytes;
    this.#onGpu.set(weight.name, buffer);
    return buffer;
  }

  /** Gives the GPU's part back. */
  #drop(rec: Recorder): void {
    // What is recorded may read it.
    rec.flush();
    this.#scope.close();
    this.#scope = this.#parent.child();
    this.#onGpu.clear();
    this.#gpuBytes = 0;
    this.#full = true;
  }
}
