import { expect, test } from 'vitest';
import { Rng } from '../../core/rng';
import { realPace } from '../pace';
import { choleskyLower, inverseFactorTransposed, inverseTransposed } from './cholesky';
import { symmetricEigen, symmetricEigenvalues } from './eigen';
import { kthSmallest } from './kthSmallest';
import { addProduct, quadraticForm, view } from './product';

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

// Around the widths of blocks (48), registers (3) and depth (256).
test.each([
  [1, 1, 1],
  [4, 5, 7],
  [3, 48, 256],
  [50, 97, 300],
])('products of %i x %i x %i', async (m, n, k) => {
  const [a, b] = [random(1, m * k), random(2, n * k)];
  const c = random(3, m * n);
  const expected = product(a, b, m, n, k).map((x, i) => (c[i] ?? 0) - x);
  await addProduct(view(c, n), view(a, k), view(b, k), m, n, k, -1, pace);
  expectEqual(c, expected, bound(k));
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
});

test.each([1, 2, 3, 20, 65, 130])('eigenvalues and eigenvectors of size %i', async (n) => {
  const r = random(7, n * n);
  const a = r.map((x, i) => x + (r[(i % n) * n + Math.floor(i / n)] ?? 0));
  const { values, vectors } = await symmetricEigen(a.slice(), n, pace);
  expectEqual(product(vectors, vectors, n, n, n), Float64Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0)), bound(n)); // prettier-ignore
  // A v = lambda v: rows of V A against rows of V.
  expectEqual(product(vectors, a, n, n, n), vectors.map((v, i) => v * (values[Math.floor(i / n)] ?? 0)), bound(n)); // prettier-ignore
  expect(values).toEqual(values.slice().sort());
  expectEqual(await symmetricEigenvalues(a.slice(), n, pace), values, bound(n));
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
