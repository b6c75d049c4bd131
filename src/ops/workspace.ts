import type { Recorder } from '../gpu/recorder';
import type { LabBuffer, Scope } from '../gpu/scope';

/** Largest block of intermediate values (attention scores, a piece of the logits) that an op asks for. */
export const SCRATCH_BYTES = 16 * 2 ** 20;

/**
 * Scratch buffers that ops share, one per name, grown on demand. What an op leaves in one is garbage to the next: the
 * order of the queue keeps them apart. Lives as long as its scope.
 */
export class Workspace {
  readonly #scope: Scope;
  readonly #buffers = new Map<string, LabBuffer>();

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  /** A buffer of at least `bytes`. Growing one submits what was recorded, since that may use the old one. */
  buffer(rec: Recorder, name: string, bytes: number): LabBuffer {
    const old = this.#buffers.get(name);
    if (old && old.bytes >= bytes) return old;
    if (old) {
      rec.flush();
      this.#scope.free(old);
    }
    const made = this.#scope.alloc(bytes, 'scratch', `scratch ${name}`);
    this.#buffers.set(name, made);
    return made;
  }
}
