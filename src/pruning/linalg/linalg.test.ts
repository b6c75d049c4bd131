import { expect, test, vi } from 'vitest';
import { Rng } from '../../core/rng';
import { realPace } from '../pace';
import { choleskyLower, inverseFactorTransposed, inverseTransposed, positiveInverse } from './cholesky';
import { symmetricEigenvalues } from './eigen';
import { kthMagnitude, kthSmallest } from './kthSmallest';
import { addProduct, plainPiece, quadraticForm, simdPiece, view } from './product';
import { DEPTH, SIDE, simdKernel } from './simd';

const pace = realPace();

function random(seed: number, count: number): Float64Array<ArrayBuffer> {
  const rng = new Rng(seed);
  return Float64Array.from({ length: count }, () => rng.float() - 0.5);
}

/** A B^T by the definition. */
function product(
  a: Float64Array,
  b: Float64Array,
  m: number,
  n: number,
  k: number,
): Float64Array<ArrayBuffer> {
  return Float64Array.from({ length: m * n }, (_, i) => {
    let sum = 0;
    for (let p = 0; p < k; p++) sum += (a[Math.floor(i / n) * k + p] ?? 0) * (b[(i % n) * k + p] ?? 0);
    return sum;
  });
}

const transpose = (a: Float64Array, n: number) => a.map((_, i) => a[(i % n) * n + Math.floor(i / n)] ?? 0);

function positive(seed: number, n: number): Float64Array<ArrayBuffer> {
  const x = random(seed, n * (n + 9));
  return product(x, x, n, n, n + 9);
}

function expectEqual(found: Float64Array, expected: Float64Array, bound: number): void {
  let worst = 0;
  expected.forEach((x, i) => (worst = Math.max(worst, Math.abs(x - (found[i] ?? NaN)))));
  expect(worst).toBeLessThan(bound);
}

/** n * eps * 10 times the size of what is compared, which is about 10: rounding of sums of n terms. */
const bound = (n: number): number => n * 2 ** -52 * 100;

// Around the widths of registers (3), lanes (2, and 4 in a step), bands (96), pieces (480) and depth (384).
test.each([
  [1, 1, 1],
  [4, 5, 7],
  [7, 4, 9],
  [6, 96, 384],
  [50, 97, 386],
  [482, 3, 5],
  [6, 481, 5],
])('products of %i x %i x %i', async (m, n, k) => {
  const [a, b] = [random(1, m * k), random(2, n * k)];
  const c = random(3, m * n);
  const expected = product(a, b, m, n, k).map((x, i) => (c[i] ?? 0) - x);
  await addProduct(view(c, n), view(a, k), view(b, k), m, n, k, -1, pace);
  expectEqual(c, expected, bound(k));
});

test('the kernels with and without SIMD, against each other, one after the other in the same memory', () => {
  const kernel = simdKernel();
  if (!kernel) throw new Error('no SIMD in the WebAssembly of this platform');
  const simd = simdPiece(kernel);
  // From long to short: what a longer piece left behind must not count.
  for (const [m, n, k] of [
    [7, SIDE, DEPTH],
    [8, 50, 37],
    [4, 5, 6],
    [1, 1, 1],
  ] as const) {
    const [a, b] = [random(k, m * k), random(n, n * k)];
    const found = random(m, m * n);
    const expected = found.slice();
    simd(view(found, n), view(a, k), view(b, k), m, n, k, -1);
    plainPiece(view(expected, n), view(a, k), view(b, k), m, n, k, -1);
    expectEqual(found, expected, bound(k));
  }
});

test('a platform without WebAssembly has no such kernel', () => {
  vi.stubGlobal('WebAssembly', undefined);
  expect(simdKernel()).toBeNull();
  vi.unstubAllGlobals();
});

test('a product inside larger matrices writes nothing else', async () => {
  const a = random(1, 100);
  const c = new Float64Array(100);
  await addProduct(view(c, 10, 2, 3), view(a, 10, 4, 1), view(a, 10, 0, 5), 2, 4, 5, 1, pace);
  c.forEach((x, i) => {
    const [r, j] = [Math.floor(i / 10) - 2, (i % 10) - 3];
    let sum = 0;
    if (r >= 0 && r < 2 && j >= 0 && j < 4)
      for (let p = 0; p < 5; p++) sum += (a[(4 + r) * 10 + 1 + p] ?? 0) * (a[j * 10 + 5 + p] ?? 0);
    expect(x).toBeCloseTo(sum, 12);
  });
});

test('quadratic forms', async () => {
  const [m, n] = [5, 103];
  const x = random(4, m * n);
  const g = positive(5, n);
  const gx = product(x, g, m, n, n);
  const expected = x.reduce((sum, v, i) => sum + v * (gx[i] ?? 0), 0);
  expect((await quadraticForm(x, m, g, n, pace)) / expected).toBeCloseTo(1, 12);
});

test.each([1, 2, 47, 48, 49, 130])('Cholesky factor and inverse of size %i', async (n) => {
  const a = positive(6, n);
  const l = a.slice();
  expect(await choleskyLower(l, n, pace)).toBe(true);
  const lower = l.map((x, i) => (i % n <= Math.floor(i / n) ? x : 0));
  expectEqual(product(lower, lower, n, n, n), a, bound(n));
  const identity = product(lower, await inverseTransposed(l, n, pace), n, n, n);
  expectEqual(
    identity,
    Float64Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0)),
    1e-10,
  );
  const ut = await inverseFactorTransposed(a, n, pace);
  expect(ut).not.toBeNull();
  // U A U^T = I, and U^T is lower triangular with a positive diagonal.
  const u = transpose(ut ?? a, n);
  const ua = product(u, a, n, n, n);
  expectEqual(
    product(ua, u, n, n, n),
    identity.map((x) => Math.round(x)),
    1e-8,
  );
  for (let i = 0; i < n * n; i++) if (i % n > Math.floor(i / n)) expect(ut?.[i]).toBe(0);
  for (let i = 0; i < n; i++) expect(ut?.[i * (n + 1)]).toBeGreaterThan(0);
});

test('what is not positive definite is not factorised', async () => {
  expect(await choleskyLower(Float64Array.of(1, 2, 2, 1), 2, pace)).toBe(false);
  expect(await inverseFactorTransposed(Float64Array.of(1, NaN, NaN, 1), 2, pace)).toBeNull();
  expect(await positiveInverse(Float64Array.of(1, 1, 1, 1), 2, pace)).toBeNull();
});

test.each([1, 5, 48, 97, 200])('the inverse of size %i is symmetric and inverts', async (n) => {
  const a = positive(10, n);
  const inverse = (await positiveInverse(a, n, pace)) ?? new Float64Array(n * n);
  expect(inverse).toEqual(transpose(inverse, n));
  const identity = Float64Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0));
  expectEqual(product(a, inverse, n, n, n), identity, 1e-8);
});

test.each([1, 2, 3, 20, 65, 130])('eigenvalues of size %i', async (n) => {
  // Q diag(values) Q^T by reflections of known eigenvalues.
  const values = random(7, n).sort();
  const a = Float64Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? (values[i % n] ?? 0) : 0));
  for (let turn = 0; turn < 3; turn++) {
    const u = random(20 + turn, n);
    const size = u.reduce((sum, x) => sum + x * x, 0);
    const q = Float64Array.from(
      { length: n * n },
      (_, i) => Number(i % (n + 1) === 0) - (2 * (u[Math.floor(i / n)] ?? 0) * (u[i % n] ?? 0)) / size,
    );
    a.set(product(product(q, a, n, n, n), q, n, n, n));
  }
  expectEqual(await symmetricEigenvalues(a, n, pace), values, bound(n));
});

test('eigenvalues of matrices with multiple ones, zeros and no off-diagonal', async () => {
  const n = 12;
  const ones = new Float64Array(n * n).fill(1);
  const found = await symmetricEigenvalues(ones, n, pace);
  expectEqual(
    found,
    Float64Array.from({ length: n }, (_, i) => (i === n - 1 ? n : 0)),
    1e-13,
  );
  const diagonal = Float64Array.from({ length: 9 }, (_, i) => (i % 4 === 0 ? i - 4 : 0));
  expect([...(await symmetricEigenvalues(diagonal, 3, pace))]).toEqual([-4, 0, 4]);
  expect([...(await symmetricEigenvalues(new Float64Array(16), 4, pace))]).toEqual([0, 0, 0, 0]);
});

test('the k-th smallest, among ties and infinities', () => {
  const rng = new Rng(8);
  for (let trial = 0; trial < 200; trial++) {
    const count = 1 + rng.below(40);
    const values = Float64Array.from({ length: count }, () =>
      rng.below(20) === 0 ? Infinity : rng.below(9),
    );
    const k = rng.below(count);
    expect(kthSmallest(values.slice(), count, k)).toBe(values.slice().sort()[k]);
  }
});

test('the k-th magnitude, among signs, ties, subnormals and infinities, and nothing moves', () => {
  const rng = new Rng(11);
  const choices = [0, -0, 5e-324, -3e-310, 1, -1, 1 + 2 ** -52, -1.5, 1e300, -Infinity];
  for (let trial = 0; trial < 200; trial++) {
    const values = Float64Array.from({ length: 1 + rng.below(60) }, () =>
      rng.below(2) === 0 ? (choices[rng.below(choices.length)] ?? 0) : rng.float() - 0.5,
    );
    const before = values.slice();
    const k = rng.below(values.length);
    expect(kthMagnitude(values, k)).toBe(values.map(Math.abs).sort()[k]);
    expect(values).toEqual(before);
  }
});
