import { expect, test } from 'vitest';
import { Rng } from '../../core/rng';
import { matrixJob, prunedOf, statisticsOf } from '../../testing/matrixJob';
import { realPace } from '../pace';
import type { Params } from '../pruners/define';
import { findPruner } from '../pruners';
import { prune } from './alps';
import { prune as sparsegpt } from './sparsegpt';

const DEFAULTS: Params = Object.fromEntries(findPruner('alps').params.map((p) => [p.name, p.init]));

const [rows, cols] = [24, 40];
const rng = new Rng(9);
const weights = Float32Array.from({ length: rows * cols }, () => rng.float() + rng.float() - 1);
const shared = Array.from({ length: 400 }, () => rng.float() - 0.5);
/** Channels that go together, so that others can make up for a lost one. */
const inputs = Float64Array.from(
  { length: 400 * cols },
  (_, i) => (rng.float() - 0.5) * (1 + (i % 5)) + (shared[Math.floor(i / cols)] ?? 0),
);
const statistics = statisticsOf(inputs, cols, 4);
const base = { rows, cols, weights, statistics, params: DEFAULTS, pace: realPace() };

test('keeps the budget and beats SparseGPT', async () => {
  for (const rate of [0.5, 0.75]) {
    const job = matrixJob({ ...base, rate });
    const { kept, solver, values } = await prune(job);
    const pruned = prunedOf(kept, rows, cols);
    expect(pruned).toHaveLength(rows * cols * rate);
    for (const i of pruned) expect(values?.[i]).toBe(0);
    const other = await sparsegpt({ ...job, params: { dampening: 0.01, blockSize: 128, maskFrom: 'own' } });
    expect(solver?.relativeError).toBeLessThan(other.solver?.relativeError ?? 0);
    expect(job.warnings).toEqual([]);
  }
});

test('counts: round((1 - s) R C) stay; with an exact budget floor(R C s) go', async () => {
  const rate = 0.3337;
  const rounded = await prune(matrixJob({ ...base, rate }));
  expect(prunedOf(rounded.kept, rows, cols)).toHaveLength(rows * cols - Math.round((1 - rate) * rows * cols));
  const exact = await prune(matrixJob({ ...base, rate, exactBudget: true }));
  expect(prunedOf(exact.kept, rows, cols)).toHaveLength(Math.floor(rows * cols * rate));
});

test('rates of 1 and 0', async () => {
  const all = await prune(matrixJob({ ...base, rate: 1 }));
  expect(prunedOf(all.kept, rows, cols)).toHaveLength(rows * cols);
  expect(all.solver?.relativeError).toBeCloseTo(1, 12);
  const none = await prune(matrixJob({ ...base, rate: 0 }));
  expect(prunedOf(none.kept, rows, cols)).toHaveLength(0);
  expect(none.solver?.relativeError).toBeLessThan(1e-12);
});

test('every group keeps its count', async () => {
  const { kept } = await prune(matrixJob({ ...base, pattern: { keep: 1, group: 4 }, rate: 0.75 }));
  const counts = new Map<number, number>();
  for (const i of prunedOf(kept, rows, cols)) counts.set(i >> 2, (counts.get(i >> 2) ?? 0) + 1);
  expect([...counts.values()]).toEqual(Array.from({ length: (rows * cols) / 4 }, () => 3));
});

test('under a mask from elsewhere, conjugate gradients come to the least-squares optimum', async () => {
  // Few kept weights a row: ten steps are exact for up to ten of them.
  const job = matrixJob({ ...base, rate: 0.85, params: { ...DEFAULTS, maskFrom: 'wanda', dampening: 0 } });
  const { kept, values } = await prune(job);
  const pruned = new Set(prunedOf(kept, rows, cols));
  const { gram } = statistics;
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < cols; c++) {
      if (pruned.has(r * cols + c)) continue;
      // The gradient on the support is 0.
      let gradient = 0;
      for (let k = 0; k < cols; k++)
        gradient +=
          ((values?.[r * cols + k] ?? 0) - (weights[r * cols + k] ?? 0)) * (gram[c * cols + k] ?? 0);
      expect(Math.abs(gradient / (gram[c * cols + c] ?? 0))).toBeLessThan(1e-6);
    }
});

test('iterations lower the error', async () => {
  const job = matrixJob({ ...base, params: { ...DEFAULTS, maxIterations: 0 } });
  const { solver } = await prune(job);
  const whole = await prune(matrixJob(base));
  expect(solver?.iterations).toBe(0);
  expect(whole.solver?.iterations).toBeGreaterThan(0);
  expect(whole.solver?.relativeError).toBeLessThan(solver?.relativeError ?? 0);
});

test('warns where it ends above keeping the largest weights, by how much; else not', async () => {
  // Inputs that share nothing: what is lost is the sum of squares of what goes, and the smallest should go.
  const size = 4;
  const apart = Float64Array.from({ length: size * size }, (_, i) => Number(i % (size + 1) === 0));
  const own = Float32Array.of(1, -0.9, 0.8, 0.7);
  const run = async (maxIterations: number) => {
    const job = matrixJob({
      ...base,
      rows: 1,
      cols: size,
      weights: own,
      statistics: statisticsOf(apart, size, 1),
      params: { ...DEFAULTS, dampening: 0, maxIterations },
    });
    const { kept } = await prune(job);
    const gone = prunedOf(kept, 1, size);
    const lost = gone.reduce((sum, i) => sum + (own[i] ?? 0) ** 2, 0);
    return { gone, warnings: job.warnings, factor: lost / (0.8 ** 2 + 0.7 ** 2) };
  };
  expect(await run(0)).toMatchObject({ gone: [2, 3], warnings: [] });
  // Stopped while the multiplier of a smaller weight has carried it past a larger one.
  const { gone, factor, warnings } = await run(3);
  expect(gone).toEqual([1, 3]);
  expect(warnings).toEqual([
    `layers.0.q.weight: ALPS ends with an error ${factor.toPrecision(4)} times that of keeping the largest scaled weights.`,
  ]);
});

test('where rounding has made the matrix indefinite it stops, keeps the budget and says so', async () => {
  const job = matrixJob({
    ...base,
    rows: 1,
    cols: 4,
    weights: Float32Array.of(1, -0.9, 0.8, 0.7),
    statistics: {
      sequences: 1,
      tokens: 4,
      gram: Float32Array.from({ length: 16 }, (_, i) => (i % 5 ? 1.001 : 1)),
    },
    params: { ...DEFAULTS, dampening: 0, rho: 1e-6 },
  });
  const { kept, solver } = await prune(job);
  expect(prunedOf(kept, 1, 4)).toEqual([2, 3]);
  expect(solver?.iterations).toBe(0);
  expect(job.warnings[0]).toBe(
    'layers.0.q.weight: ALPS stopped after 0 iterations, since its matrix is singular at a penalty of 0.0000010. Use a higher dampening or rho.',
  );
});

test('a dead input does no harm, and cancelling is heard', async () => {
  const dead = statisticsOf(
    inputs.map((x, i) => (i % cols === 3 ? 0 : x)),
    cols,
    4,
  );
  const { values } = await prune(matrixJob({ ...base, statistics: dead }));
  values?.forEach((v) => expect(v).toBeTypeOf('number'));
  expect(values?.every(Number.isFinite)).toBe(true);
  const pace = realPace({ signal: AbortSignal.abort() });
  await expect(prune(matrixJob({ ...base, pace }))).rejects.toMatchObject({ kind: 'CancelledError' });
});
