/**
 * Errors of one matrix under rising sparsity without its activations: with G = X X^T and D = W - W_s, the error is
 * tr(D G D^T), row by row. D G is kept and only what changed from one rate to the next is added, so that a whole sweep
 * costs about as much as one product.
 */
import type { MatrixCurve } from '../../core/theory';
import { falls } from '../../eval/theory/monotone';
import type { Pace } from '../pruners/define';

export class MatrixSweep {
  readonly #weights: Float32Array;
  /** W_s of the last rate, [rows, cols]. */
  readonly #before: Float32Array;
  readonly #gram: Float32Array;
  readonly #rows: number;
  readonly #cols: number;
  /** D G in f64, [rows, cols]. */
  readonly #product: Float64Array;
  #errors: Float64Array | null = null;
  readonly curve: MatrixCurve;

  /** `weights` [rows, cols] and `gram` [cols, cols] are read only. */
  constructor(
    { matrix, rows, cols }: { matrix: string; rows: number; cols: number },
    weights: Float32Array,
    gram: Float32Array,
  ) {
    this.#weights = weights;
    this.#before = weights.slice();
    this.#gram = gram;
    this.#rows = rows;
    this.#cols = cols;
    this.#product = new Float64Array(rows * cols);
    this.curve = { matrix, rows, error: [], inner: [], violating: [] };
  }

  /** The next rate's weights, [rows, cols]: adds to the curve. */
  async next(pruned: Float32Array, pace: Pace): Promise<void> {
    const [rows, cols, gram] = [this.#rows, this.#cols, this.#gram];
    const errors = new Float64Array(rows);
    let total = 0;
    let inner = 0;
    let violating = 0;
    for (let r = 0; r < rows; r++) {
      const begin = r * cols;
      const product = this.#product.subarray(begin, begin + cols);
      // Against D G of the rate before: <D G, W1 - W2>.
      for (let c = 0; c < cols; c++)
        inner +=
          (product[c] as number) * ((this.#before[begin + c] as number) - (pruned[begin + c] as number));
      for (let c = 0; c < cols; c++) {
        const change = (this.#before[begin + c] as number) - (pruned[begin + c] as number);
        if (change === 0) continue;
        const row = c * cols;
        for (let k = 0; k < cols; k++)
          product[k] = (product[k] as number) + change * (gram[row + k] as number);
      }
      let error = 0;
      for (let c = 0; c < cols; c++)
        error +=
          (product[c] as number) * ((this.#weights[begin + c] as number) - (pruned[begin + c] as number));
      errors[r] = error;
      total += error;
      if (this.#errors && falls(this.#errors[r] as number, error)) violating++;
      await pace.breathe();
    }
    this.#before.set(pruned);
    this.curve.error.push(total);
    if (this.#errors) {
      this.curve.inner.push(inner);
      this.curve.violating.push(violating);
    }
    this.#errors = errors;
  }
}
