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
  readonly #pieces: ReadonlyMap<string, LabBuffer>;

  private constructor(pieces: ReadonlyMap<string, LabBuffer>) {
    this.#pieces = pieces;
  }

  /** Room for the logits of a text's batches, in `scope`; null where they are too many or the GPU has no room. */
  static async open(scope: Scope, batches: readonly Batch[], vocabulary: number): Promise<KeptLogits | null> {
    if (
      KeptLogits.bytes(
        batches.reduce((sum, b) => sum + b.rows, 0),
        vocabulary,
      ) === 0
    )
      return null;
    const own = scope.child();
    const pieces = new Map<string, LabBuffer>();
    for (const { rowBegin, rows } of batches) {
      const { rowStep, colStep } = pieceSteps(rows, vocabulary);
      for (let row = 0; row < rows; row += rowStep)
        for (let column = 0; column < vocabulary; column += colStep) {
          const count = Math.min(rowStep, rows - row) * Math.min(colStep, vocabulary - column);
          pieces.set(`${rowBegin + row} ${column}`, own.alloc(count * 4, 'cache', 'dense logits'));
        }
    }
    try {
      await own.ready();
    } catch (cause) {
      own.close();
      if (cause instanceof LabError && cause.kind === 'OutOfMemoryError') return null;
      throw cause;
    }
    return new KeptLogits(pieces);
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
