import { LabError } from '../core/errors';
import type { GpuContext } from './context';
import type { MemoryKind } from './ledger';

/** A scope of this size gives its memory back at once when it closes. */
const LARGE_BYTES = 16 << 20;

/** A buffer that knows its purpose, so that freeing it is counted. */
export interface LabBuffer {
  readonly raw: GPUBuffer;
  readonly bytes: number;
  readonly kind: MemoryKind;
  readonly label: string;
}

/**
 * Owns GPU buffers; closing it destroys them (WebGPU keeps destroyed memory alive until submitted work is done).
 * Allocation is synchronous; out-of-memory arrives through error scopes, which `ready()` awaits.
 */
export class Scope {
  readonly #ctx: GpuContext;
  readonly #buffers = new Set<LabBuffer>();
  readonly #children = new Set<Scope>();
  readonly #parent: Scope | undefined;
  #pending: Promise<GPUError | null>[] = [];
  #closed = false;

  constructor(ctx: GpuContext, parent?: Scope) {
    this.#ctx = ctx;
    this.#parent = parent;
    if (parent) parent.#children.add(this);
  }

  /** A scope that closes with this one at the latest. */
  child(): Scope {
    return new Scope(this.#ctx, this);
  }

  /** A storage buffer of at least `bytes` (rounded up to 16), zero-filled by WebGPU. */
  alloc(bytes: number, kind: MemoryKind, label: string, usage = 0): LabBuffer {
    if (this.#closed)
      throw new LabError('InternalError', `Allocation of ${label} after its scope was closed.`);
    const size = Math.max(16, Math.ceil(bytes / 16) * 16);
    const { device } = this.#ctx;
    if (size > device.limits.maxBufferSize) {
      throw new LabError(
        'GpuLimitError',
        `${label} needs one buffer of ${size} bytes; this adapter allows ${device.limits.maxBufferSize}.`,
        'Use fewer or shorter windows, or a smaller model.',
      );
    }
    device.pushErrorScope('out-of-memory');
    const raw = device.createBuffer({
      label,
      size,
      usage: usage || GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    });
    this.#pending.push(device.popErrorScope());
    const buffer: LabBuffer = { raw, bytes: size, kind, label };
    this.#buffers.add(buffer);
    this.#ctx.ledger.add(kind, size);
    return buffer;
  }

  /** Resolves when all allocations so far succeeded; OutOfMemoryError otherwise. */
  async ready(): Promise<void> {
    const pending = this.#pending;
    this.#pending = [];
    const errors = await Promise.all(pending.map((p) => p.catch(() => null)));
    this.#ctx.throwIfLost();
    const failed = errors.find((e) => e !== null);
    if (failed) {
      throw new LabError(
        'OutOfMemoryError',
        `The GPU could not give the memory that was asked for (${Math.round(this.#ctx.ledger.total / 2 ** 20)} MiB in use by the lab).`,
        'Close other tabs, use fewer or shorter windows, or a smaller model.',
      );
    }
  }

  free(buffer: LabBuffer): void {
    if (!this.#buffers.delete(buffer)) return;
    this.#ctx.ledger.remove(buffer.kind, buffer.bytes);
    buffer.raw.destroy();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const before = this.#ctx.ledger.total;
    for (const child of [...this.#children]) child.close();
    for (const buffer of [...this.#buffers]) this.free(buffer);
    if (this.#parent) this.#parent.#children.delete(this);
    // Destroyed buffers are given back behind the next submit, not before: without one they stay.
    if (before - this.#ctx.ledger.total >= LARGE_BYTES) this.#ctx.device.queue.submit([]);
  }
}
