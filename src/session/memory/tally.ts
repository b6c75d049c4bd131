/** A ledger of what would be allocated: the same counts as the GPU's, without a GPU. */
import { MEMORY_KINDS, type MemoryKind } from '../../gpu/ledger';

export type MemoryBytes = Record<MemoryKind, number>;

const NOTHING: MemoryBytes = { weights: 0, masks: 0, activations: 0, denseStreams: 0, scratch: 0, cache: 0 };

export function totalOf(bytes: MemoryBytes): number {
  return MEMORY_KINDS.reduce((sum, kind) => sum + bytes[kind], 0);
}

export class Tally {
  /** Outlives jobs, by name. */
  readonly #kept = new Map<string, MemoryBytes>();
  #working: MemoryBytes = { ...NOTHING };
  #peak: MemoryBytes = { ...NOTHING };

  /** What was alive when most was. */
  get peak(): MemoryBytes {
    return { ...this.#peak };
  }

  /** Bytes of a buffer, until the scope around it ends. */
  take(kind: MemoryKind, bytes: number): void {
    this.#working[kind] += rounded(bytes);
    this.#note();
  }

  /** A buffer that comes and goes. */
  touch(kind: MemoryKind, bytes: number): void {
    this.scope(() => this.take(kind, bytes));
  }

  /** What `work` takes is given back behind it. */
  scope(work: () => void): void {
    const before = { ...this.#working };
    work();
    this.#working = before;
  }

  /** A buffer that stays under a name until it is dropped. */
  keep(name: string, kind: MemoryKind, bytes: number): void {
    const entry = this.#kept.get(name) ?? { ...NOTHING };
    entry[kind] += rounded(bytes);
    this.#kept.set(name, entry);
    this.#note();
  }

  has(name: string): boolean {
    return this.#kept.has(name);
  }

  drop(name: string): void {
    this.#kept.delete(name);
  }

  #note(): void {
    const now = { ...this.#working };
    for (const entry of this.#kept.values()) for (const kind of MEMORY_KINDS) now[kind] += entry[kind];
    if (totalOf(now) > totalOf(this.#peak)) this.#peak = now;
  }
}

/** As buffers are: at least 16 bytes, in sixteens. */
function rounded(bytes: number): number {
  return bytes > 0 ? Math.ceil(bytes / 16) * 16 : 0;
}
