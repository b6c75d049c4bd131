import { expect, test } from 'vitest';
import { Rng } from '../../core/rng';
import { symmetricEigenvalues } from './eigenvalues';

const pace = { breathe: () => Promise.resolve() };

/** Q diag(values) Q' for a random orthogonal Q, made of reflections. */
function withSpectrum(values: readonly number[], seed: number): Float64Array {
  const n = values.length;
  const rng = new Rng(seed, 'spectrum');
  const a = new Float64Array(n * n);
  values.forEach((value, i) => (a[i * n + i] = value));
  for (let round = 0; round < 5; round++) {
    const v = Array.from({ length: n }, () => rng.normal());
    const norm = v.reduce((sum, x) => sum + x * x, 0);
    const reflectRows = (at: (i: number, j: number) => number): void => {
      for (let j = 0; j < n; j++) {
        let dot = 0;
        for (let i = 0; i < n; i++) dot += (v[i] as number) * (a[at(i, j)] as number);
        for (let i = 0; i < n; i++)
          a[at(i, j)] = (a[at(i, j)] as number) - (2 * dot * (v[i] as number)) / norm;
      }
    };
    reflectRows((i, j) => i * n + j);
    reflectRows((i, j) => j * n + i);
  }
  return a;
}

test('finds a known spectrum, clusters and zeros included', async () => {
  const rng = new Rng(2, 'values');
  for (const values of [
    [3],
    [2, -1],
    [5, 5, 5, 5],
    [0, 0, 1, 1e-9, 1e6, -7],
    Array.from({ length: 60 }, () => rng.normal() ** 2),
  ]) {
    const sorted = [...values].sort((a, b) => a - b);
    const largest = Math.max(...values.map(Math.abs));
    const got = await symmetricEigenvalues(withSpectrum(values, values.length), values.length, pace);
    got.forEach((value, i) =>
      expect(Math.abs(value - (sorted[i] as number))).toBeLessThan(1e-12 * values.length * largest),
    );
  }
});

test('keeps trace and Frobenius norm of any symmetric matrix', async () => {
  const n = 90;
  const rng = new Rng(7, 'symmetric');
  const a = new Float64Array(n * n);
  for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) a[i * n + j] = a[j * n + i] = rng.normal();
  const trace = Array.from({ length: n }, (_, i) => a[i * n + i] as number).reduce((x, y) => x + y, 0);
  const square = a.reduce((sum, x) => sum + x * x, 0);
  const values = await symmetricEigenvalues(a, n, pace);
  expect(values.reduce((x, y) => x + y, 0)).toBeCloseTo(trace, 9);
  expect(values.reduce((sum, x) => sum + x * x, 0) / square).toBeCloseTo(1, 12);
});
