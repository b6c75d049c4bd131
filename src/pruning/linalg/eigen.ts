/**
 * Eigenvalues of symmetric matrices in f64: Householder's reduction to tridiagonal form and the
 * implicit QL method (Bowdler, Martin, Reinsch and Wilkinson, Numerische Mathematik 11, 1968).
 */
import { LabError } from '../../core/errors';
import type { Pace } from '../pruners/define';

/** Largest number of QL sweeps for one eigenvalue; two are usual. */
const SWEEPS = 60;
/** Multiplications between two breaths. */
const BREATH = 1 << 23;

/** Eigenvalues of the symmetric A [n, n], ascending; its lower triangle is read, and A is spoilt. */
export async function symmetricEigenvalues(
  a: Float64Array,
  n: number,
  pace: Pace,
): Promise<Float64Array<ArrayBuffer>> {
  const { diagonal, beside } = await tridiagonal(a, n, pace);
  await implicitQl(diagonal, beside, pace);
  return diagonal.sort();
}

interface Tridiagonal {
  diagonal: Float64Array<ArrayBuffer>;
  /** Entry i stands beside diagonal entries i - 1 and i. */
  beside: Float64Array<ArrayBuffer>;
}

/**
 * From the last row to the first: a reflection I - u u^T / h leaves row i with one entry beside the diagonal; u stays
 * in row i of A. The rank-2 change of one step and the product of the next with A share one pass over the triangle.
 */
async function tridiagonal(a: Float64Array, n: number, pace: Pace): Promise<Tridiagonal> {
  const diagonal = new Float64Array(n);
  const beside = new Float64Array(n);
  let u = new Float64Array(n);
  let q = new Float64Array(n);
  let nextU = new Float64Array(n);
  let nextQ = new Float64Array(n);
  let work = 0;
  for (let i = n - 1; i >= 0; i--) {
    const row = i * n;
    const ui = u[i] as number;
    const qi = q[i] as number;
    for (let j = 0; j <= i; j++)
      a[row + j] = (a[row + j] as number) - ui * (q[j] as number) - qi * (u[j] as number);
    diagonal[i] = a[row + i] as number;
    if (i === 0) break;
    const { beta, h } = reflection(a, row, i);
    beside[i] = beta;
    nextU.fill(0);
    nextQ.fill(0);
    if (h > 0) nextU.set(a.subarray(row, row + i));
    changeAndMultiply(a, n, i, u, q, nextU, nextQ);
    if (h > 0) {
      let dot = 0;
      for (let j = 0; j < i; j++) dot += (nextQ[j] as number) * (nextU[j] as number);
      const k = dot / (2 * h * h);
      for (let j = 0; j < i; j++) nextQ[j] = (nextQ[j] as number) / h - k * (nextU[j] as number);
    }
    [u, nextU] = [nextU, u];
    [q, nextQ] = [nextQ, q];
    work += i * i;
    if (work > BREATH) {
      work = 0;
      await pace.breathe();
    }
  }
  return { diagonal, beside };
}

/** Replaces the first `length` entries of a row by u, so that I - u u^T / h maps them to (0, .., 0, beta). */
function reflection(a: Float64Array, row: number, length: number): { beta: number; h: number } {
  let largest = 0;
  for (let j = 0; j < length - 1; j++) largest = Math.max(largest, Math.abs(a[row + j] as number));
  const last = row + length - 1;
  const alpha = a[last] as number;
  if (largest === 0) return { beta: alpha, h: 0 };
  largest = Math.max(largest, Math.abs(alpha));
  let sum = 0;
  for (let j = 0; j < length; j++) sum += ((a[row + j] as number) / largest) ** 2;
  const norm = Math.sqrt(sum) * largest;
  const beta = alpha > 0 ? -norm : norm;
  a[last] = alpha - beta;
  const h = norm * norm - alpha * beta;
  return h > 0 ? { beta, h } : { beta: alpha, h: 0 };
}

/** A -= u q^T + q u^T on the leading triangle of `size` rows, then product = A v; the v beyond `size` are not read. */
function changeAndMultiply(
  a: Float64Array,
  n: number,
  size: number,
  u: Float64Array,
  q: Float64Array,
  v: Float64Array,
  product: Float64Array,
): void {
  for (let r = 0; r < size; r++) {
    const row = r * n;
    const ur = u[r] as number;
    const qr = q[r] as number;
    const vr = v[r] as number;
    let sum = 0;
    for (let j = 0; j < r; j++) {
      const x = (a[row + j] as number) - ur * (q[j] as number) - qr * (u[j] as number);
      a[row + j] = x;
      sum += x * (v[j] as number);
      product[j] = (product[j] as number) + x * vr;
    }
    const own = (a[row + r] as number) - 2 * ur * qr;
    a[row + r] = own;
    product[r] = (product[r] as number) + sum + own * vr;
  }
}

/** Diagonalises a tridiagonal matrix: `d` becomes the eigenvalues, unordered; `beside` is spoilt. */
async function implicitQl(d: Float64Array, beside: Float64Array, pace: Pace): Promise<void> {
  const n = d.length;
  const e = new Float64Array(n);
  e.set(beside.subarray(1));
  let shift = 0;
  let scale = 0;
  for (let l = 0; l < n; l++) {
    scale = Math.max(scale, Math.abs(d[l] as number) + Math.abs(e[l] as number));
    const small = Number.EPSILON * scale;
    let m = l;
    while (m < n - 1 && Math.abs(e[m] as number) > small) m++;
    for (let sweep = 0; m > l && Math.abs(e[l] as number) > small; sweep++) {
      if (sweep === SWEEPS)
        throw new LabError(
          'InternalError',
          `The eigenvalues of a ${n} x ${n} matrix were not found in ${SWEEPS} sweeps.`,
        );
      shift += sweepDown(d, e, l, m);
    }
    d[l] = (d[l] as number) + shift;
    e[l] = 0;
    if (l % 32 === 31) await pace.breathe();
  }
}

/** One implicit QL sweep from m to l; returns by how much it shifted the spectrum. */
function sweepDown(d: Float64Array, e: Float64Array, l: number, m: number): number {
  const start = d[l] as number;
  const el = e[l] as number;
  const half = ((d[l + 1] as number) - start) / (2 * el);
  const root = half < 0 ? -Math.hypot(half, 1) : Math.hypot(half, 1);
  d[l] = el / (half + root);
  const next = el * (half + root);
  d[l + 1] = next;
  const shift = start - d[l];
  for (let i = l + 2; i < d.length; i++) d[i] = (d[i] as number) - shift;
  const after = e[l + 1] as number;
  let p = d[m] as number;
  let [c, c2, c3] = [1, 1, 1];
  let [s, s2] = [0, 0];
  for (let i = m - 1; i >= l; i--) {
    c3 = c2;
    c2 = c;
    s2 = s;
    const ei = e[i] as number;
    const g = c * ei;
    const h = c * p;
    const r = Math.sqrt(p * p + ei * ei);
    e[i + 1] = s * r;
    s = ei / r;
    c = p / r;
    const di = d[i] as number;
    p = c * di - s * g;
    d[i + 1] = h + s * (c * g + s * di);
  }
  p = (-s * s2 * c3 * after * el) / next;
  e[l] = s * p;
  d[l] = c * p;
  return shift;
}
