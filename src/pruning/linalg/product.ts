/**
 * Products of row-major f64 matrices in the one form whose inner loop reads both sides in order: A B^T. Blocked for
 * registers (3 x 3 sums and their six factors fit the 16 of x86) and for caches.
 */
import type { Pace } from '../pruners/define';
import { DEPTH, SIDE, simdKernel, type SimdKernel } from './simd';

/** A rectangle inside an array: row-major, `stride` apart, from `begin`. */
export interface View {
  data: Float64Array;
  begin: number;
  stride: number;
}

/** Columns at a time where the piece of B should stay in a cache. */
const BAND = 48;

export const view = (data: Float64Array, stride: number, row = 0, col = 0): View => ({
  data,
  begin: row * stride + col,
  stride,
});

/** C += sign * A B^T with A [m, k], B [n, k], C [m, n]; C must not overlap A or B. */
export async function addProduct(
  c: View,
  a: View,
  b: View,
  m: number,
  n: number,
  k: number,
  sign: 1 | -1,
  pace: Pace,
): Promise<void> {
  for (let p = 0; p < k; p += DEPTH) {
    const depth = Math.min(DEPTH, k - p);
    for (let j = 0; j < n; j += SIDE) {
      const width = Math.min(SIDE, n - j);
      for (let i = 0; i < m; i += SIDE) {
        piece(part(c, i, j), part(a, i, p), part(b, j, p), Math.min(SIDE, m - i), width, depth, sign);
        await pace.breathe();
      }
    }
  }
}

const part = ({ data, begin, stride }: View, row: number, col: number): View => ({
  data,
  begin: begin + row * stride + col,
  stride,
});

/** What addProduct does, for up to SIDE rows and columns and a depth of up to DEPTH. */
export type Piece = (c: View, a: View, b: View, m: number, n: number, k: number, sign: 1 | -1) => void;

/** Without SIMD. */
export const plainPiece: Piece = (c, a, b, m, n, k, sign) => {
  for (let j = 0; j < n; j += BAND) {
    const [toC, fromB, width] = [part(c, 0, j), part(b, j, 0), Math.min(BAND, n - j)];
    let i = 0;
    for (; i + 3 <= m; i += 3) threeRows(toC, a, fromB, i, width, k, sign);
    for (; i < m; i++) oneRow(toC, a, fromB, i, width, k, sign);
  }
};

/** With it. Nothing stays in the kernel's memory from one call to the next: others may come between. */
export const simdPiece =
  ({ setA, setB, multiply, sums }: SimdKernel): Piece =>
  (c, a, b, m, n, k, sign) => {
    for (let i = 0; i < m; i++) setA(i, a.data, a.begin + i * a.stride, k);
    for (let j = 0; j < n; j++) setB(j, b.data, b.begin + j * b.stride, k);
    multiply(m, n, k);
    const { data } = c;
    for (let i = 0; i < m; i++) {
      const row = c.begin + i * c.stride;
      for (let j = 0; j < n; j++)
        data[row + j] = (data[row + j] as number) + sign * (sums[SIDE * i + j] as number);
    }
  };

const kernel = simdKernel();
const simd = kernel && simdPiece(kernel);

/** Copying pays from here on. */
const SIMD_ROWS = 6;

const piece: Piece = (c, a, b, m, n, k, sign) =>
  (simd && m >= SIMD_ROWS && n >= 3 ? simd : plainPiece)(c, a, b, m, n, k, sign);

function threeRows(
  { data: C, begin: cBegin, stride: cStride }: View,
  { data: A, begin: aBegin, stride: aStride }: View,
  { data: B, begin: bBegin, stride: bStride }: View,
  i: number,
  to: number,
  depth: number,
  sign: number,
): void {
  const a0 = aBegin + i * aStride;
  const a1 = a0 + aStride;
  const a2 = a1 + aStride;
  const c0 = cBegin + i * cStride;
  const c1 = c0 + cStride;
  const c2 = c1 + cStride;
  let j = 0;
  for (; j + 3 <= to; j += 3) {
    const b0 = bBegin + j * bStride;
    const b1 = b0 + bStride;
    const b2 = b1 + bStride;
    let s00 = 0;
    let s01 = 0;
    let s02 = 0;
    let s10 = 0;
    let s11 = 0;
    let s12 = 0;
    let s20 = 0;
    let s21 = 0;
    let s22 = 0;
    for (let q = 0; q < depth; q++) {
      const x0 = A[a0 + q] as number;
      const x1 = A[a1 + q] as number;
      const x2 = A[a2 + q] as number;
      const y0 = B[b0 + q] as number;
      const y1 = B[b1 + q] as number;
      const y2 = B[b2 + q] as number;
      s00 += x0 * y0;
      s01 += x0 * y1;
      s02 += x0 * y2;
      s10 += x1 * y0;
      s11 += x1 * y1;
      s12 += x1 * y2;
      s20 += x2 * y0;
      s21 += x2 * y1;
      s22 += x2 * y2;
    }
    C[c0 + j] = (C[c0 + j] as number) + sign * s00;
    C[c0 + j + 1] = (C[c0 + j + 1] as number) + sign * s01;
    C[c0 + j + 2] = (C[c0 + j + 2] as number) + sign * s02;
    C[c1 + j] = (C[c1 + j] as number) + sign * s10;
    C[c1 + j + 1] = (C[c1 + j + 1] as number) + sign * s11;
    C[c1 + j + 2] = (C[c1 + j + 2] as number) + sign * s12;
    C[c2 + j] = (C[c2 + j] as number) + sign * s20;
    C[c2 + j + 1] = (C[c2 + j + 1] as number) + sign * s21;
    C[c2 + j + 2] = (C[c2 + j + 2] as number) + sign * s22;
  }
  for (; j < to; j++) {
    const b0 = bBegin + j * bStride;
    let s0 = 0;
    let s1 = 0;
    let s2 = 0;
    for (let q = 0; q < depth; q++) {
      const y = B[b0 + q] as number;
      s0 += (A[a0 + q] as number) * y;
      s1 += (A[a1 + q] as number) * y;
      s2 += (A[a2 + q] as number) * y;
    }
    C[c0 + j] = (C[c0 + j] as number) + sign * s0;
    C[c1 + j] = (C[c1 + j] as number) + sign * s1;
    C[c2 + j] = (C[c2 + j] as number) + sign * s2;
  }
}

function oneRow(
  { data: C, begin: cBegin, stride: cStride }: View,
  { data: A, begin: aBegin, stride: aStride }: View,
  { data: B, begin: bBegin, stride: bStride }: View,
  i: number,
  to: number,
  depth: number,
  sign: number,
): void {
  const a0 = aBegin + i * aStride;
  const c0 = cBegin + i * cStride;
  for (let j = 0; j < to; j++) {
    const b0 = bBegin + j * bStride;
    let sum = 0;
    for (let q = 0; q < depth; q++) sum += (A[a0 + q] as number) * (B[b0 + q] as number);
    C[c0 + j] = (C[c0 + j] as number) + sign * sum;
  }
}

/** sum of row^T G row over the rows of X [m, n], for a symmetric G [n, n]. */
export async function quadraticForm(
  x: Float64Array,
  m: number,
  gram: Float64Array,
  n: number,
  pace: Pace,
): Promise<number> {
  let total = 0;
  const width = 2 * BAND;
  const before = new Float64Array(m * width);
  const inside = new Float64Array(m * width);
  for (let j = 0; j < n; j += width) {
    const own = Math.min(width, n - j);
    before.fill(0);
    inside.fill(0);
    const rows = view(gram, n, j);
    await addProduct(view(before, width), view(x, n), rows, m, own, j, 1, pace);
    await addProduct(view(inside, width), view(x, n, 0, j), part(rows, 0, j), m, own, own, 1, pace);
    for (let r = 0; r < m; r++) total += weighted(x, r * n + j, before, inside, r * width, own);
  }
  return total;
}

function weighted(
  x: Float64Array,
  at: number,
  before: Float64Array,
  inside: Float64Array,
  from: number,
  count: number,
): number {
  let sum = 0;
  for (let c = 0; c < count; c++)
    sum += (x[at + c] as number) * (2 * (before[from + c] as number) + (inside[from + c] as number));
  return sum;
}
