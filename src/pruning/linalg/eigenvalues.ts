/** Eigenvalues of a symmetric matrix in f64: Householder reduction to a tridiagonal matrix, then implicit QL. */
import { LabError } from '../../core/errors';
import type { Pace } from '../pruners/define';

/** Sweeps of QL per eigenvalue; two are usual. */
const MAX_SWEEPS = 60;

/** Ascending, [n]. `matrix`: row-major [n, n], of which the lower triangle is read and destroyed. */
export async function symmetricEigenvalues(
  matrix: Float64Array,
  n: number,
  pace: Pace,
): Promise<Float64Array<ArrayBuffer>> {
  const diagonal = new Float64Array(n);
  /** Entry i stands between i - 1 and i. */
  const below = new Float64Array(n);
  const p = new Float64Array(n);
  // Row k is reduced from the last one up: what it is reflected with lies in one piece of memory.
  for (let k = n - 1; k > 0; k--) {
    const row = k * n;
    let scale = 0;
    for (let j = 0; j < k; j++) scale = Math.max(scale, Math.abs(matrix[row + j] as number));
    if (scale === 0 || k === 1) {
      below[k] = matrix[row + k - 1] as number;
      diagonal[k] = matrix[row + k] as number;
      continue;
    }
    let square = 0;
    for (let j = 0; j < k; j++) {
      const v = (matrix[row + j] as number) / scale;
      matrix[row + j] = v;
      square += v * v;
    }
    const last = matrix[row + k - 1] as number;
    const g = last >= 0 ? -Math.sqrt(square) : Math.sqrt(square);
    below[k] = scale * g;
    const h = square - last * g;
    matrix[row + k - 1] = last - g;
    reflect(matrix, n, k, h, p);
    diagonal[k] = matrix[row + k] as number;
    await pace.breathe();
  }
  diagonal[0] = matrix[0] ?? 0;
  implicitQl(diagonal, below, n);
  return diagonal.sort();
}

/** A <- H A H on the leading k rows, with H = I - v v' / h and v in row k. */
function reflect(a: Float64Array, n: number, k: number, h: number, p: Float64Array): void {
  const v = k * n;
  p.fill(0, 0, k);
  for (let i = 0; i < k; i++) {
    const row = i * n;
    const vi = a[v + i] as number;
    let sum = (a[row + i] as number) * vi;
    for (let j = 0; j < i; j++) {
      const x = a[row + j] as number;
      sum += x * (a[v + j] as number);
      p[j] = (p[j] as number) + x * vi;
    }
    p[i] = (p[i] as number) + sum;
  }
  let dot = 0;
  for (let i = 0; i < k; i++) {
    p[i] = (p[i] as number) / h;
    dot += (p[i] as number) * (a[v + i] as number);
  }
  const half = dot / (2 * h);
  for (let i = 0; i < k; i++) p[i] = (p[i] as number) - half * (a[v + i] as number);
  for (let i = 0; i < k; i++) {
    const row = i * n;
    const vi = a[v + i] as number;
    const pi = p[i] as number;
    for (let j = 0; j <= i; j++)
      a[row + j] = (a[row + j] as number) - vi * (p[j] as number) - pi * (a[v + j] as number);
  }
}

/** Diagonal and subdiagonal become the eigenvalues and zeros. */
function implicitQl(d: Float64Array, e: Float64Array, n: number): void {
  e.copyWithin(0, 1);
  e[n - 1] = 0;
  const D = (i: number): number => d[i] as number;
  const E = (i: number): number => e[i] as number;
  for (let l = 0; l < n; l++) {
    for (let sweep = 0; ; sweep++) {
      let m = l;
      while (m < n - 1 && Math.abs(E(m)) > Number.EPSILON * (Math.abs(D(m)) + Math.abs(D(m + 1)))) m++;
      if (m === l) break;
      if (sweep === MAX_SWEEPS)
        throw new LabError('InternalError', 'The eigenvalues of a matrix did not converge.', 'Check the model for infinite weights.'); // prettier-ignore
      let g = (D(l + 1) - D(l)) / (2 * E(l));
      g = D(m) - D(l) + E(l) / (g + (g >= 0 ? Math.hypot(g, 1) : -Math.hypot(g, 1)));
      let [s, c, p] = [1, 1, 0];
      let i = m - 1;
      for (; i >= l; i--) {
        const f = s * E(i);
        const b = c * E(i);
        const r = Math.hypot(f, g);
        e[i + 1] = r;
        if (r === 0) {
          d[i + 1] = D(i + 1) - p;
          e[m] = 0;
          break;
        }
        s = f / r;
        c = g / r;
        g = D(i + 1) - p;
        const t = (D(i) - g) * s + 2 * c * b;
        p = s * t;
        d[i + 1] = g + p;
        g = c * t - b;
      }
      if (i >= l) continue;
      d[l] = D(l) - p;
      e[l] = g;
      e[m] = 0;
    }
  }
}
