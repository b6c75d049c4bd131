/** Counts every byte of GPU buffers by purpose. The page shows it live; tests check that it returns to zero. */
export type MemoryKind = 'weights' | 'masks' | 'activations' | 'denseStreams' | 'scratch' | 'cache';

export const MEMORY_KINDS: readonly MemoryKind[] = [
  'weights',
  'masks',
  'activations',
  'denseStreams',
  'scratch',
  'cache',
];

export class Ledger {
  readonly #bytes: Record<MemoryKind, number> = {
    weights: 0,
    masks: 0,
    activations: 0,
    denseStreams: 0,
    scratch: 0,
    cache: 0,
  };
  #buffers = 0;
  #peak = 0;
  #listener: (() => void) | undefined;

  get total(): number {
    return MEMORY_KINDS.reduce((sum, kind) => sum + this.#bytes[kind], 0);
  }
  /** Buffers alive now. */
  get buffers(): number {
    return this.#buffers;
  }
  /** Highest total since the last resetPeak. */
  get peak(): number {
    return this.#peak;
  }
  bytes(kind: MemoryKind): number {
    return this.#bytes[kind];
  }
  onChange(listener: (() => void) | undefined): void {
    this.#listener = listener;
  }
  resetPeak(): void {
    this.#peak = this.total;
  }
  add(kind: MemoryKind, bytes: number): void {
    this.#bytes[kind] += bytes;
    this.#buffers += 1;
    this.#peak = Math.max(this.#peak, this.total);
    this.#listener?.();
  }
  remove(kind: MemoryKind, bytes: number): void {
    this.#bytes[kind] -= bytes;
    this.#buffers -= 1;
    this.#listener?.();
  }
}
