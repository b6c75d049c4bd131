import { expect, test } from 'vitest';
import { Rng } from '../../core/rng';
import { matrixJob, prunedOf, statisticsOf } from '../../testing/matrixJob';
import type { Params } from '../pruners/define';
import { findPruner } from '../pruners';
import { prune } from './wanda';

const wanda = findPruner('wanda');
const DEFAULTS: Params = Object.fromEntries(wanda.params.map((p) => [p.name, p.init]));
const VARIANT: Params = { ...DEFAULTS, variant: true };

const [rows, cols] = [30, 90];
const rng = new Rng(5);
const weights = Float32Array.from({ length: rows * cols }, () => (rng.float() + rng.float() - 1) ** 3);
const statistics = statisticsOf(
  Float64Array.from({ length: 120 * cols }, () => rng.float() - 0.3),
  cols,
  2,
);
const base = { rows, cols, weights, statistics, params: VARIANT };
const job = matrixJob(base);

test('with its defaults, scores decide without a solver', () => {
  expect(wanda.choose(DEFAULTS)).toBeNull();
  expect(wanda.choose(VARIANT)).not.toBeNull();
  expect(wanda.statistics({ ...DEFAULTS, update: 'sparsegpt' })).toContain('gram');
});

test('rows lose a common share of their scores, as many as asked', async () => {
  for (const rate of [0.5, 0.7, 0.8]) {
    const pruned = prunedOf((await prune({ ...job, rate })).kept, rows, cols);
    expect(Math.abs(pruned.length / (rows * cols) - rate)).toBeLessThanOrEqual(0.001 + 1 / cols);
    const gone = new Set(pruned);
    const shares = Array.from({ length: rows }, (_, r) => {
      const scores = Array.from({ length: cols }, (_, c) => ({
        score: Math.abs(weights[r * cols + c] ?? 0) * (statistics.norms[c] ?? 0),
        gone: gone.has(r * cols + c),
      }));
      const sum = (list: typeof scores): number => list.reduce((s, x) => s + x.score, 0);
      const lost = scores.filter((x) => x.gone);
      const kept = scores.filter((x) => !x.gone);
      const next = Math.min(...kept.map((x) => x.score));
      expect(Math.max(...lost.map((x) => x.score))).toBeLessThan(next);
      return { lost: sum(lost) / sum(scores), next: (sum(lost) + next) / sum(scores) };
    });
    // One alpha lies between what every row lost and what it would have lost with one weight more.
    expect(Math.max(...shares.map((s) => s.lost))).toBeLessThanOrEqual(
      Math.min(...shares.map((s) => s.next)),
    );
  }
});

test('a sparsity that no alpha below 0.8 reaches is warned of', async () => {
  const far = matrixJob({ ...base, rate: 0.999 });
  const pruned = prunedOf((await prune(far)).kept, rows, cols);
  expect(pruned.length).toBeLessThan(0.98 * rows * cols);
  expect(far.warnings.join()).toContain('0.9990');
});

test('an exact budget is met to the weight', async () => {
  for (const rate of [0, 0.333, 0.7, 1]) {
    const { kept } = await prune({ ...job, rate, exactBudget: true });
    expect(prunedOf(kept, rows, cols)).toHaveLength(Math.floor(rows * cols * rate));
  }
});

test('equal scores go together, a row of zeros goes whole', async () => {
  const flat = Float32Array.of(1, 1, 1, 1, 0, 0, 0, 0, 1, 2, 3, 4);
  const even = { sequences: 1, tokens: 8, norms: new Float32Array(4).fill(1) };
  const { kept } = await prune(
    matrixJob({ rows: 3, cols: 4, weights: flat, statistics: even, params: VARIANT }),
  );
  // alpha 0.4 takes all of rows 0 and 1 and two of row 2 (10 of 12); 0.2 takes only row 1 and the 1 of row 2.
  const pruned = prunedOf(kept, 3, 4);
  expect(pruned.filter((i) => i >= 4 && i < 8)).toHaveLength(4);
  expect([0, 4]).toContain(pruned.filter((i) => i < 4).length);
});

test('patterns are those of plain Wanda, and the update keeps the mask', async () => {
  const even = matrixJob({
    ...base,
    cols: 60,
    weights: weights.slice(0, 30 * 60),
    pattern: { keep: 2, group: 4 },
    statistics: statisticsOf(
      Float64Array.from({ length: 120 * 60 }, () => rng.float()),
      60,
      2,
    ),
  });
  const plain = await prune({ ...even, params: DEFAULTS });
  expect((await prune(even)).kept).toEqual(plain.kept);
  const updated = await prune({ ...even, params: { ...VARIANT, update: 'sparsegpt' } });
  expect(updated.kept).toEqual(plain.kept);
  expect(updated.values).toHaveLength(30 * 60);
  expect(plain.values).toBeUndefined();
});
