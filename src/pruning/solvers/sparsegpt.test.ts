import { expect, test } from 'vitest';
import { Rng } from '../../core/rng';
import { matrixJob, prunedOf, statisticsOf } from '../../testing/matrixJob';
import { realPace } from '../pace';
import { findPruner } from '../pruners';
import { hessianFactor, prune, sweep, type Rule } from './sparsegpt';

/** docs/methods.md, golden vectors: two rows, four inputs, one sequence of three tokens. */
const W = [0.5, -0.2, 0.1, 0.9, -0.3, 0.4, -0.6, 0.05];
const X = [1, 0, 2, 1, 0, 1, -1, 3, 2, 1, 0, 0];
const PARAMS = Object.fromEntries(findPruner('sparsegpt').params.map((p) => [p.name, p.init]));
const pace = realPace();

const golden = (more: Parameters<typeof matrixJob>[0] | object = {}) =>
  matrixJob({
    rows: 2,
    cols: 4,
    weights: Float32Array.from(W),
    statistics: statisticsOf(Float64Array.from(X), 4, 1),
    params: PARAMS,
    ...more,
  });

async function goldenSweep(blockSize: number, rule: Rule) {
  const job = golden();
  const gram = Float64Array.from(job.statistics.gram ?? []);
  const { ut, damping } = await hessianFactor(job, gram, 0.01);
  const w = Float64Array.from(W);
  const { kept, loss } = await sweep(w, 2, 4, ut, blockSize, rule, pace);
  return { ut, damping, w, loss, pruned: prunedOf(kept, 2, 4) };
}

const HALF: Rule = { kind: 'rate', rate: 0.5, exactBudget: false };

function random(seed: number, count: number): Float64Array<ArrayBuffer> {
  const rng = new Rng(seed);
  return Float64Array.from({ length: count }, () => rng.float() + rng.float() + rng.float() - 1.5);
}

test('golden factor of the inverse', async () => {
  const { ut } = await goldenSweep(128, HALF);
  const expected = [
    [1.293718, 0, 0, 0],
    [-2.438297, 0.686615, 0, 0],
    [-0.893324, 0.097216, 0.317643, 0],
    [0.50998, -0.195189, 0.031591, 0.222994],
  ].flat();
  expected.forEach((x, i) => expect(ut[i]).toBeCloseTo(x, 6));
});

test.each([
  ['one block of columns', 128, HALF, [0, 1, 2, 4, 7], 1.544077],
  ['blocks of two columns', 2, HALF, [0, 1, 2, 4, 6, 7], 5.109008],
  ['2:4', 128, { kind: 'groups', pattern: { keep: 2, group: 4 } }, [1, 2, 4, 7], 0.435573],
] as [string, number, Rule, number[], number][])('golden sweep: %s', async (_, block, rule, pruned, loss) => {
  const found = await goldenSweep(block, rule);
  expect(found.pruned).toEqual(pruned);
  expect(found.loss).toBeCloseTo(loss, 6);
  for (const i of pruned) expect(found.w[i]).toBe(0);
});

test('golden weights, and the error that is reported', async () => {
  const free = await prune(golden());
  expect(free.values?.[3]).toBeCloseTo(0.880109, 6);
  expect(free.values?.[5]).toBeCloseTo(-0.165416, 6);
  expect(free.values?.[6]).toBeCloseTo(-0.807153, 6);
  const groups = await prune(golden({ pattern: { keep: 2, group: 4 } }));
  expect(groups.values?.[0]).toBeCloseTo(0.5, 6);
  expect(groups.values?.[3]).toBeCloseTo(0.830383, 6);
  const dense = [0, 1].reduce(
    (sum, r) =>
      sum +
      [0, 4, 8].reduce(
        (s, t) => s + [0, 1, 2, 3].reduce((y, c) => y + (W[r * 4 + c] ?? 0) * (X[t + c] ?? 0), 0) ** 2,
        0,
      ),
    0,
  );
  expect((groups.solver?.relativeError ?? 0) * dense).toBeCloseTo(0.407525, 5);
  expect(groups.solver?.damping).toBe(0.01);
  expect(groups.solver?.retries).toBe(0);
});

test('with H = c I nothing is made up for: magnitude in each block of columns, the threshold included', async () => {
  const [rows, cols] = [24, 200];
  const weights = Float32Array.from(random(1, rows * cols));
  const gram = new Float32Array(cols * cols);
  for (let c = 0; c < cols; c++) gram[c * cols + c] = 3;
  const statistics = { sequences: 2, tokens: 1000, gram };
  const choice = await prune(matrixJob({ rows, cols, weights, statistics, rate: 0.3, params: PARAMS }));
  const expected: number[] = [];
  for (const [from, to] of [
    [0, 128],
    [128, 200],
  ] as const) {
    const block = Array.from({ length: rows * cols }, (_, i) => i).filter(
      (i) => i % cols >= from && i % cols < to,
    );
    block.sort((a, b) => Math.abs(weights[a] ?? 0) - Math.abs(weights[b] ?? 0));
    expected.push(...block.slice(0, Math.trunc(block.length * 0.3) + 1));
  }
  const pruned = prunedOf(choice.kept, rows, cols);
  expect(pruned).toEqual(expected.sort((a, b) => a - b));
  const gone = new Set(pruned);
  choice.values?.forEach((v, i) => expect(v).toBe(gone.has(i) ? 0 : weights[i]));
});

test('the loss is half the damped objective, and the result its least-squares optimum', async () => {
  const [rows, cols, tokens] = [7, 60, 300];
  const weights = Float32Array.from(random(2, rows * cols));
  const statistics = statisticsOf(random(3, tokens * cols), cols, 3);
  const job = matrixJob({ rows, cols, weights, statistics });
  const gram = Float64Array.from(statistics.gram);
  const { ut } = await hessianFactor(job, gram, 0.01);
  const w = Float64Array.from(weights);
  const { loss } = await sweep(w, rows, cols, ut, 16, HALF, pace);
  const h = gram.map((g) => (2 / 3) * g);
  let mean = 0;
  for (let c = 0; c < cols; c++) mean += (h[c * cols + c] ?? 0) / cols;
  let objective = 0;
  for (let r = 0; r < rows; r++)
    for (let a = 0; a < cols; a++)
      for (let b = 0; b < cols; b++) {
        const delta = (i: number): number => (w[i] ?? 0) - (weights[i] ?? 0);
        const entry = (h[a * cols + b] ?? 0) + (a === b ? 0.01 * mean : 0);
        objective += (delta(r * cols + a) * entry * delta(r * cols + b)) / 2;
      }
  expect(loss / objective).toBeCloseTo(1, 9);
});

test('an exact budget is met to the weight, and ties fall to the first', async () => {
  const [rows, cols] = [5, 37];
  const statistics = statisticsOf(random(4, 200 * cols), cols, 2);
  for (const rate of [0.013, 0.5, 0.77, 1]) {
    const weights = Float32Array.from(random(5, rows * cols));
    const params = { ...PARAMS, blockSize: 10 };
    const job = matrixJob({ rows, cols, weights, statistics, rate, exactBudget: true, params });
    const { kept } = await prune(job);
    expect(prunedOf(kept, rows, cols)).toHaveLength(Math.floor(rows * cols * rate));
  }
  const gram = Float32Array.from({ length: 16 }, (_, i) => (i % 5 === 0 ? 1 : 0));
  const ones = matrixJob({
    rows: 2,
    cols: 4,
    weights: new Float32Array(8).fill(1),
    statistics: { sequences: 1, tokens: 9, gram },
    exactBudget: true,
    params: PARAMS,
  });
  expect(prunedOf((await prune(ones)).kept, 2, 4)).toEqual([0, 1, 2, 3]);
});

test('a rate of 1 removes all, a rate of 0 nothing', async () => {
  expect(prunedOf((await prune(golden({ rate: 1 }))).kept, 2, 4)).toHaveLength(8);
  expect(prunedOf((await prune(golden({ rate: 0 }))).kept, 2, 4)).toHaveLength(0);
});

test('every group keeps its count, also where blocks are no multiple of it', async () => {
  const [rows, cols] = [6, 42];
  const statistics = statisticsOf(random(6, 300 * cols), cols, 3);
  const weights = Float32Array.from(random(7, rows * cols));
  const job = matrixJob({ rows, cols, weights, statistics, pattern: { keep: 2, group: 3 }, params: PARAMS });
  const gone = prunedOf((await prune(job)).kept, rows, cols);
  const counts = new Map<number, number>();
  for (const i of gone) counts.set(Math.floor(i / 3), (counts.get(Math.floor(i / 3)) ?? 0) + 1);
  expect([...counts.values()]).toEqual(Array.from({ length: (rows * cols) / 3 }, () => 1));
  expect(job.warnings.join()).toContain('126');
  await expect(prune({ ...job, pattern: { keep: 1, group: 4 } })).rejects.toMatchObject({
    kind: 'SpecError',
  });
});

test('the mask of another pruner is kept as it is; the update lowers its error', async () => {
  const [rows, cols] = [16, 48];
  const statistics = statisticsOf(random(8, 400 * cols), cols, 4);
  const weights = Float32Array.from(random(9, rows * cols));
  for (const [maskFrom, count] of [
    ['wanda', rows * 24],
    ['magnitude', rows * 24 + 1],
  ] as const) {
    const job = matrixJob({ rows, cols, weights, statistics, params: { ...PARAMS, maskFrom } });
    const { kept, solver } = await prune(job);
    const gone = prunedOf(kept, rows, cols);
    expect(gone).toHaveLength(count);
    let plain = 0;
    let dense = 0;
    for (let r = 0; r < rows; r++)
      for (let a = 0; a < cols; a++)
        for (let b = 0; b < cols; b++) {
          const of = (c: number): number => weights[r * cols + c] ?? 0;
          const lost = (c: number): number => (gone.includes(r * cols + c) ? of(c) : 0);
          plain += lost(a) * (statistics.gram[a * cols + b] ?? 0) * lost(b);
          dense += of(a) * (statistics.gram[a * cols + b] ?? 0) * of(b);
        }
    expect(solver?.relativeError).toBeLessThan((0.99 * plain) / dense);
  }
});

test('inputs that never carried anything lose their weights', async () => {
  const cols = 6;
  const inputs = random(10, 60 * cols).map((x, i) => (i % cols === 2 ? 0 : x));
  const weights = Float32Array.from(random(11, 4 * cols));
  const job = matrixJob({
    rows: 4,
    cols,
    weights,
    statistics: statisticsOf(inputs, cols, 2),
    params: PARAMS,
  });
  const { values } = await prune(job);
  for (let r = 0; r < 4; r++) expect(values?.[r * cols + 2]).toBe(0);
});

test('damping grows while the Hessian cannot be factorised, and is reported', async () => {
  // Eigenvalues 4 and -2: positive definite when damped by more than 2.
  const gram = Float32Array.of(1, 3, 3, 1);
  const weights = Float32Array.of(1, -2, 3, 4);
  const job = matrixJob({
    rows: 2,
    cols: 2,
    weights,
    statistics: { sequences: 2, tokens: 9, gram },
    params: PARAMS,
  });
  const { solver } = await prune(job);
  expect(solver).toMatchObject({ damping: 10, retries: 3 });
  const hopeless = { ...job, statistics: { ...job.statistics, gram: Float32Array.of(NaN, 0, 0, 1) } };
  await expect(prune(hopeless)).rejects.toMatchObject({ kind: 'SolverError' });
});

test('too few tokens for the rank of the Hessian are a warning', async () => {
  const job = golden();
  await prune(job);
  expect(job.warnings.join()).toContain('3 calibration tokens');
  // Once for all matrices of an input.
  const other = golden({ statistics: job.statistics, tensor: 'layers.0.k.weight' });
  await prune(other);
  expect(other.warnings).toEqual([]);
});

test('another damping or other inputs are not served by what is remembered of the last', async () => {
  const first = golden();
  const more = golden({ statistics: first.statistics, params: { ...PARAMS, dampening: 0.5 } });
  const again = golden({ params: more.params });
  const [a, b, c] = [await prune(first), await prune(more), await prune(again)];
  expect(a.values).not.toEqual(b.values);
  expect(b.values).toEqual(c.values);
  expect(b.solver?.damping).toBe(0.5);
});

test('inputs that are not finite are said as such', async () => {
  const { statistics } = golden();
  const gram = Float32Array.from(statistics.gram ?? []);
  gram[5] = Infinity;
  await expect(async () => prune(golden({ statistics: { ...statistics, gram } }))).rejects.toMatchObject({
    kind: 'SolverError',
    message: expect.stringContaining('diverges before this matrix') as string,
  });
});
