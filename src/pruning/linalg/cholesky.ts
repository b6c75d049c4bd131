/** Cholesky factors in f64, blocked, row-major. */
import type { Pace } from '../pruners/define';
import { addProduct, view } from './product';
import { mirrorLower } from './mirrorLower';

/** Columns that are factorised at once. */
const BLOCK = 48;
/** Columns whose leading zeros are skipped together. */
const BAND = 2 * BLOCK;

/**
 * Overwrites the lower triangle of the symmetric A [n, n] with L, A = L L^T; nothing above the diagonal is read, nor means
 * anything afterwards. False, with A spoilt, where A is not positive definite.
 */
export async function choleskyLower(a: Float64Array, n: number, pace: Pace): Promise<boolean> {
  const panel = new Float64Array(n * BLOCK);
  for (let j0 = 0; j0 < n; j0 += BLOCK) {
    const width = Math.min(BLOCK, n - j0);
    const j1 = j0 + width;
    await addProduct(view(a, n, j0, j0), view(a, n, j0), view(a, n, j0), n - j0, width, j0, -1, pace);
    if (!factorBlock(a, n, j0, j1)) return false;
    if (j1 === n) break;
    // What is below solves X L^T = A with the block's L: products with its inverse.
    const inverse = invertedBlock(a, n, j0, width);
    panel.fill(0);
    await addProduct(
      view(panel, BLOCK),
      view(a, n, j1, j0),
      view(inverse, BLOCK),
      n - j1,
      width,
      width,
      1,
      pace,
    );
    for (let i = j1; i < n; i++)
      a.set(panel.subarray((i - j1) * BLOCK, (i - j1) * BLOCK + width), i * n + j0);
    await pace.breathe();
  }
  return true;
}

/** Cholesky of rows and columns j0 to j1, in place. */
function factorBlock(a: Float64Array, n: number, j0: number, j1: number): boolean {
  for (let i = j0; i < j1; i++) {
    const row = i * n;
    for (let j = j0; j < i; j++) {
      const other = j * n;
      let sum = a[row + j] as number;
      for (let p = j0; p < j; p++) sum -= (a[row + p] as number) * (a[other + p] as number);
      a[row + j] = sum / (a[other + j] as number);
    }
    let pivot = a[row + i] as number;
    for (let p = j0; p < i; p++) pivot -= (a[row + p] as number) ** 2;
    if (!(pivot > 0 && pivot < Infinity)) return false;
    a[row + i] = Math.sqrt(pivot);
  }
  return true;
}

/** The inverse of the lower triangular block of L from (i0, i0), with zeros above the diagonal and rows BLOCK apart. */
function invertedBlock(l: Float64Array, n: number, i0: number, width: number): Float64Array<ArrayBuffer> {
  const out = new Float64Array(BLOCK * BLOCK);
  for (let j = 0; j < width; j++) {
    for (let i = j; i < width; i++) {
      const row = (i0 + i) * n + i0;
      let sum = i === j ? 1 : 0;
      for (let p = j; p < i; p++) sum -= (l[row + p] as number) * (out[p * BLOCK + j] as number);
      out[i * BLOCK + j] = sum / (l[row + i] as number);
    }
  }
  return out;
}

/** (L^-1)^T, [n, n] with zeros below the diagonal, of a lower triangular L whose upper part is not read. */
export async function inverseTransposed(
  l: Float64Array,
  n: number,
  pace: Pace,
): Promise<Float64Array<ArrayBuffer>> {
  // Row j of the result is column j of the inverse X: L[i, :i] X[:i, j] + L[i, i] X[i, j] = (i == j), by blocks i.
  const x = new Float64Array(n * n);
  const sums = new Float64Array(n * BLOCK);
  for (let i0 = 0; i0 < n; i0 += BLOCK) {
    const width = Math.min(BLOCK, n - i0);
    sums.fill(0, 0, i0 * BLOCK);
    // Column j of X starts at row j: bands of columns skip the zeros before.
    for (let j0 = 0; j0 < i0; j0 += BAND) {
      const height = Math.min(BAND, i0 - j0);
      await addProduct(
        view(sums, BLOCK, j0),
        view(x, n, j0, j0),
        view(l, n, i0, j0),
        height,
        width,
        i0 - j0,
        -1,
        pace,
      );
    }
    const inverse = invertedBlock(l, n, i0, width);
    await addProduct(view(x, n, 0, i0), view(sums, BLOCK), view(inverse, BLOCK), i0, width, width, 1, pace);
    for (let i = 0; i < width; i++)
      for (let j = 0; j <= i; j++) x[(i0 + j) * n + i0 + i] = inverse[i * BLOCK + j] as number;
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
  for (let i = 0; i < n; i += BAND) {
    const height = Math.min(BAND, n - i);
    for (let j = 0; j <= i; j += BAND) {
      const width = Math.min(BAND, n - j);
      await addProduct(view(out, n, i, j), view(t, n, i), view(t, n, j), height, width, j + width, 1, pace);
    }
  }
  mirrorLower(out, n);
  return out;
}
