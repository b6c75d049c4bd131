/** The dense model's logits of a text, kept so that later comparisons run the head over one stream only. */
import { LabError } from '../core/errors';
import type { LabBuffer, Scope } from '../gpu/scope';
import type { LogitStore } from '../ops/headCompare';
import { pieceSteps } from '../ops/headLoss';
import type { Batch } from './windows';

/** Above this the logits of a text are computed again for every comparison. */
const KEPT_LOGITS_BYTES = 256 << 20;

export class KeptLogits implements LogitStore {
  /** Set when a whole text was compared and read back, so never by work that was dropped. */
  known = false;
  readonly #scope: Scope;
  readonly #batches: readonly Batch[];
  readonly #vocabulary: number;
  readonly #pieces = new Map<string, LabBuffer>();
  #opened: Promise<boolean> | undefined;

  /** Of the batches of a text; buffers will belong to `scope`. */
  constructor(scope: Scope, batches: readonly Batch[], vocabulary: number) {
    this.#scope = scope.child();
    this.#batches = batches;
    this.#vocabulary = vocabulary;
  }

  /** Makes room on first use; false where the logits are too many or the GPU has no room for them. */
  open(): Promise<boolean> {
    return (this.#opened ??= this.#alloc());
  }

  async #alloc(): Promise<boolean> {
    const tokens = this.#batches.reduce((sum, b) => sum + b.rows, 0);
    if (KeptLogits.bytes(tokens, this.#vocabulary) === 0) return false;
    for (const { rowBegin, rows } of this.#batches) {
      const { rowStep, colStep } = pieceSteps(rows, this.#vocabulary);
      for (let row = 0; row < rows; row += rowStep)
        for (let column = 0; column < this.#vocabulary; column += colStep) {
          const count = Math.min(rowStep, rows - row) * Math.min(colStep, this.#vocabulary - column);
          this.#pieces.set(
            `${rowBegin + row} ${column}`,
            this.#scope.alloc(count * 4, 'cache', 'dense logits'),
          );
        }
    }
    try {
      await this.#scope.ready();
      return true;
    } catch (cause) {
      this.#pieces.clear();
      this.#scope.close();
      if (cause instanceof LabError && cause.kind === 'OutOfMemoryError') return false;
      throw cause;
    }
  }

  /** GPU bytes for a text, 0 where its logits are not kept. */
  static bytes(tokens: number, vocabulary: number): number {
    const bytes = tokens * vocabulary * 4;
    return bytes <= KEPT_LOGITS_BYTES ? bytes : 0;
  }

  piece(row: number, column: number): LabBuffer | undefined {
    return this.#pieces.get(`${row} ${column}`);
  }
}
