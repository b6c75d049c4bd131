/** Cholesky factors in f64, blocked, row-major. */
import type { Pace } from '../pruners/define';
import { addProduct, view } from './product';
import { mirrorLower } from './mirrorLower';

const BLOCK = 48;

/**
 * Overwrites the lower triangle of the symmetric A [n, n] with L, A = L L^T; what lies above the diagonal is not read
 * and stays. False, with A spoilt, where A is not positive definite.
 */
export async function choleskyLower(a: Float64Array, n: number, pace: Pace): Promise<boolean> {
  for (let j0 = 0; j0 < n; j0 += BLOCK) {
    const j1 = Math.min(j0 + BLOCK, n);
    await addProduct(view(a, n, j0, j0), view(a, n, j0), view(a, n, j0), n - j0, j1 - j0, j0, -1, pace);
    for (let i = j0; i < n; i++) {
      const row = i * n;
      const end = Math.min(i, j1);
      for (let j = j0; j < end; j++) {
        const other = j * n;
        let sum = a[row + j] as number;
        for (let p = j0; p < j; p++) sum -= (a[row + p] as number) * (a[other + p] as number);
        a[row + j] = sum / (a[other + j] as number);
      }
      if (i >= j1) continue;
      let pivot = a[row + i] as number;
      for (let p = j0; p < i; p++) pivot -= (a[row + p] as number) ** 2;
      if (!(pivot > 0 && pivot < Infinity)) return false;
      a[row + i] = Math.sqrt(pivot);
    }
    await pace.breathe();
  }
  return true;
}

/** (L^-1)^T, [n, n] with zeros below the diagonal, of a lower triangular L whose upper part is not read. */
export async function inverseTransposed(
  l: Float64Array,
  n: number,
  pace: Pace,
): Promise<Float64Array<ArrayBuffer>> {
  // Row j of the result is column j of the inverse X: L[i, :i] X[:i, j] + L[i, i] X[i, j] = (i == j).
  const x = new Float64Array(n * n);
  const sums = new Float64Array(n * BLOCK);
  for (let i0 = 0; i0 < n; i0 += BLOCK) {
    const i1 = Math.min(i0 + BLOCK, n);
    const width = i1 - i0;
    sums.fill(0);
    // Column j of X starts at row j: bands of columns skip the zeros before.
    for (let j0 = 0; j0 < i0; j0 += BLOCK)
      await addProduct(
        view(sums, BLOCK, j0),
        view(x, n, j0, j0),
        view(l, n, i0, j0),
        BLOCK,
        width,
        i0 - j0,
        -1,
        pace,
      );
    for (let j = 0; j < i1; j++) {
      for (let i = Math.max(i0, j); i < i1; i++) {
        let sum = j === i ? 1 : (sums[j * BLOCK + i - i0] as number);
        for (let p = Math.max(i0, j); p < i; p++) sum -= (l[i * n + p] as number) * (x[j * n + p] as number);
        x[j * n + i] = sum / (l[i * n + i] as number);
      }
    }
    await pace.breathe();
  }
  return x;
}

/**
 * U^T, lower triangular [n, n], of the upper U with A^-1 = U^T U; null where the symmetric A is not positive definite.
 * A = M M^T with M upper is Cholesky with the order of rows and columns reversed, and U = M^-1: the inverse itself is
 * never formed, which is quicker and loses fewer digits than factorising it.
 */
export async function inverseFactorTransposed(
  a: Float64Array,
  n: number,
  pace: Pace,
): Promise<Float64Array<ArrayBuffer> | null> {
  const reversed = a.slice().reverse();
  if (!(await choleskyLower(reversed, n, pace))) return null;
  return (await inverseTransposed(reversed, n, pace)).reverse();
}

/** A^-1 of the symmetric A [n, n], of which the upper triangle is read; null where it is not positive definite. */
export async function positiveInverse(
  a: Float64Array,
  n: number,
  pace: Pace,
): Promise<Float64Array<ArrayBuffer> | null> {
  const t = await inverseFactorTransposed(a, n, pace);
  if (!t) return null;
  // T T^T, the lower triangle by blocks: row j of T ends at column j.
  const out = new Float64Array(n * n);
  const block = 96;
  for (let i = 0; i < n; i += block) {
    const height = Math.min(block, n - i);
    for (let j = 0; j <= i; j += block) {
      const width = Math.min(block, n - j);
      await addProduct(view(out, n, i, j), view(t, n, i), view(t, n, j), height, width, j + width, 1, pace);
    }
  }
  mirrorLower(out, n);
  return out;
}
