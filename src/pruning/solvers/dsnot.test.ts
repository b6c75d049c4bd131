import { expect, test } from 'vitest';
import { Rng } from '../../core/rng';
import { matrixJob, prunedOf, statisticsOf } from '../../testing/matrixJob';
import type { Params } from '../pruners/define';
import { findPruner } from '../pruners';
import { prune } from './dsnot';

const DEFAULTS: Params = Object.fromEntries(findPruner('dsnot').params.map((p) => [p.name, p.init]));

test('golden row', async () => {
  const ones = new Float64Array(8).fill(1);
  const job = matrixJob({
    rows: 1,
    cols: 8,
    weights: Float32Array.of(0.5, -0.4, 0.3, 0.2, -0.1, 0.6, -0.7, 0.25),
    params: { ...DEFAULTS, initial: 'magnitude' },
    statistics: {
      sequences: 1,
      tokens: 2048,
      norms: new Float32Array(ones),
      mean: Float64Array.of(1, 2, 3, -1, 4, -2, 0.5, 2),
      variance: ones,
    },
  });
  const { kept, solver } = await prune(job);
  expect(prunedOf(kept, 1, 8)).toEqual([0, 1, 3, 7]);
  expect(solver?.iterations).toBe(2);
  const none = await prune({ ...job, params: { ...job.params, maxCycles: 0 } });
  expect(prunedOf(none.kept, 1, 8)).toEqual([2, 3, 4, 7]);
  const one = await prune({ ...job, params: { ...job.params, maxCycles: 1 } });
  expect(prunedOf(one.kept, 1, 8)).toEqual([1, 3, 4, 7]);
  // Shorter sequences sum up less: at 16 times 0.1, an error of 0.8 is good enough.
  const long = await prune({ ...job, statistics: { ...job.statistics, tokens: 16 * 2048 } });
  expect(prunedOf(long.kept, 1, 8)).toEqual([2, 3, 4, 7]);
  // The first swap would turn the error from 0.8 to -0.9.
  const signed = await prune({ ...job, params: { ...job.params, withoutSameSign: false } });
  expect(prunedOf(signed.kept, 1, 8)).toEqual([2, 3, 4, 7]);
});

const [rows, cols, tokens, sequences] = [40, 64, 256, 4];
const rng = new Rng(3);
const weights = Float32Array.from({ length: rows * cols }, () => rng.float() + rng.float() - 1);
const offsets = Array.from({ length: cols }, () => rng.float() - 0.4);
const inputs = Float64Array.from(
  { length: tokens * cols },
  (_, i) => rng.float() - 0.5 + (offsets[i % cols] ?? 0),
);
const statistics = statisticsOf(inputs, cols, sequences);
/** Single swaps move these short rows by about 1. */
const THRESHOLD = 30;
const ENOUGH = THRESHOLD * (tokens / sequences / 2048);

function errorOf(pruned: readonly number[], r: number): number {
  const own = pruned.filter((i) => Math.floor(i / cols) === r);
  return own.reduce((sum, i) => sum + (weights[i] ?? 0) * (statistics.mean[i % cols] ?? 0), 0);
}

test.each(['wanda', 'magnitude', 'sparsegpt'])('from %s: counts stay, errors fall', async (initial) => {
  const params = { ...DEFAULTS, initial, threshold: THRESHOLD };
  const job = matrixJob({ rows, cols, weights, statistics, params, rate: 0.6 });
  const before = prunedOf((await prune({ ...job, params: { ...params, maxCycles: 0 } })).kept, rows, cols);
  const after = prunedOf((await prune(job)).kept, rows, cols);
  let done = 0;
  for (let r = 0; r < rows; r++) {
    expect(after.filter((i) => Math.floor(i / cols) === r)).toHaveLength(Math.trunc(cols * 0.6));
    if (Math.abs(errorOf(after, r)) <= ENOUGH * (1 + 1e-9)) done++;
  }
  expect(after).not.toEqual(before);
  // The others ran out of cycles or of candidates.
  expect(done).toBeGreaterThan(rows / 2);
});

test('groups keep their counts, and no error turns', async () => {
  const pattern = { keep: 2, group: 4 };
  const job = matrixJob({ rows, cols, weights, statistics, params: DEFAULTS, pattern });
  const before = prunedOf((await prune({ ...job, params: { ...DEFAULTS, maxCycles: 0 } })).kept, rows, cols);
  const after = prunedOf((await prune(job)).kept, rows, cols);
  expect(after).not.toEqual(before);
  const counts = new Map<number, number>();
  for (const i of after) counts.set(i >> 2, (counts.get(i >> 2) ?? 0) + 1);
  expect([...counts.values()]).toEqual(Array.from({ length: (rows * cols) / 4 }, () => 2));
  for (let r = 0; r < rows; r++) {
    expect(errorOf(after, r) * errorOf(before, r)).toBeGreaterThanOrEqual(0);
  }
});

test('the MLP keeps the first mask unless asked', async () => {
  const job = matrixJob({ rows, cols, weights, statistics, params: DEFAULTS, matrix: 'down' });
  const first = await prune({ ...job, params: { ...DEFAULTS, maxCycles: 0 } });
  expect((await prune(job)).kept).toEqual(first.kept);
  expect((await prune({ ...job, params: { ...DEFAULTS, skipMlp: false } })).kept).not.toEqual(first.kept);
  expect((await prune({ ...job, matrix: 'qkv' })).kept).not.toEqual(first.kept);
});

test('rows that lose different counts keep them', async () => {
  const rowZeros = Uint32Array.from({ length: rows }, (_, r) => r);
  const { kept } = await prune(matrixJob({ rows, cols, weights, statistics, params: DEFAULTS, rowZeros }));
  const pruned = prunedOf(kept, rows, cols);
  for (let r = 0; r < rows; r++) expect(pruned.filter((i) => Math.floor(i / cols) === r)).toHaveLength(r);
});

test('a dead input with no variance does no harm', async () => {
  const dead = statisticsOf(
    inputs.map((x, i) => (i % cols === 5 ? 0 : x)),
    cols,
    sequences,
  );
  const { kept } = await prune(matrixJob({ rows, cols, weights, statistics: dead, params: DEFAULTS }));
  expect(prunedOf(kept, rows, cols)).toHaveLength((rows * cols) / 2);
});
