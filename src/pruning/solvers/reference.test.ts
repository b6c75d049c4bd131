/** Solvers against NumPy (scripts/fixtures/make_solvers.py) on matrices of the demo model. */
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { toF32 } from '../../core/dtypes';
import { f32, fixtureJson, fixtureTensors } from '../../testing/fixtureFiles';
import { matrixJob } from '../../testing/matrixJob';
import { TOLERANCE } from '../../testing/tolerances';
import { realPace } from '../pace';
import { findPruner } from '../pruners';
import type { MatrixStatistics, Params } from '../pruners/define';

interface Case {
  matrix: string;
  pruner: 'sparsegpt' | 'alps' | 'dsnot' | 'wanda';
  rate: number;
  pattern: string;
  exactBudget: boolean;
  params: Params;
  zeros: number;
  sha256: string;
  relativeError?: number;
}

interface Expected {
  sequences: number;
  tokens: number;
  matrices: Record<string, { matrix: string; tensor: string }>;
  cases: Case[];
}

const expected = await fixtureJson<Expected>('solvers', 'expected.json');
const stored = await fixtureTensors('solvers', 'statistics.safetensors');
const results = await fixtureTensors('solvers', 'results.safetensors');
const model = await fixtureTensors('demo-model', 'model.safetensors');

function f64(name: string): Float64Array<ArrayBuffer> {
  const tensor = stored.get(name);
  if (tensor?.dtype !== 'F64') throw new Error(`${name} is not an F64 tensor of the fixture`);
  return new Float64Array(tensor.bytes.slice().buffer);
}

function jobOf({ matrix: key, pruner, rate, pattern, exactBudget, params }: Case) {
  const { matrix = '', tensor = '' } = expected.matrices[key] ?? {};
  const weight = model.get(tensor);
  const [rows = 0, cols = 0] = weight?.shape ?? [];
  const triangle = f32(stored.get(`${key}.gram`));
  const gram = new Float32Array(cols * cols);
  for (let r = 0, i = 0; r < cols; r++)
    for (let c = 0; c <= r; c++, i++) gram[r * cols + c] = gram[c * cols + r] = triangle[i] ?? NaN;
  const statistics: MatrixStatistics = {
    sequences: expected.sequences,
    tokens: expected.tokens,
    gram,
    norms: Float32Array.from(f32(stored.get(`${key}.norms`))),
    mean: f64(`${key}.mean`),
    variance: f64(`${key}.variance`),
  };
  const [keep = 0, group = 0] = pattern.split(':').map(Number);
  const defaults = findPruner(pruner).params.map((p) => [p.name, p.init]);
  return matrixJob({
    matrix,
    tensor,
    rows,
    cols,
    weights: Float32Array.from(toF32(weight?.bytes ?? new Uint8Array(), 'F16')),
    dtype: 'F16',
    rate,
    pattern: pattern === 'free' ? 'free' : { keep, group },
    exactBudget,
    params: { ...Object.fromEntries(defaults), ...params },
    statistics,
    pace: realPace(),
  });
}

async function solved(c: Case) {
  const job = jobOf(c);
  const choose = await findPruner(c.pruner).choose(job.params)?.();
  if (!choose) throw new Error(`${c.pruner} has no solver`);
  return { job, choice: await choose(job) };
}

const zeros = (kept: Uint32Array, weights: number): number =>
  weights - kept.reduce((sum, word) => sum + word.toString(2).replaceAll('0', '').length, 0);

const of = (pruner: Case['pruner']) =>
  expected.cases.flatMap((c, i) => {
    const detail = [c.matrix, c.pattern === 'free' ? c.rate : c.pattern, ...Object.values(c.params)];
    return c.pruner === pruner ? [[`${pruner} ${detail.join(' ')}`, c, i] as const] : [];
  });

test.each([...of('dsnot'), ...of('wanda')])('%s: the mask, bit for bit', async (_, c) => {
  const { choice } = await solved(c);
  expect(createHash('sha256').update(choice.kept).digest('hex')).toBe(c.sha256);
});

test.each(of('sparsegpt'))('%s: mask, weights and error', async (_, c, i) => {
  const { job, choice } = await solved(c);
  // Both sides compute in f64, and no two scores of these cases lie within its rounding: the masks are equal.
  const mask = results.get(`${i}.mask`)?.bytes ?? new Uint8Array();
  expect(new Uint8Array(choice.kept.buffer)).toEqual(mask);
  expect((choice.solver?.relativeError ?? NaN) / (c.relativeError ?? NaN)).toBeCloseTo(1, 9);
  const probe = f32(results.get(`${i}.probe`));
  for (let r = 0; r < job.rows; r++) {
    let [sum, size] = [0, 0];
    for (let k = 0; k < job.cols; k++) {
      const term = (choice.values?.[r * job.cols + k] ?? NaN) * ((k % 7) - 3);
      sum += term;
      size += Math.abs(term);
    }
    // Each value is rounded to f32 once, and so is the expected sum.
    expect(Math.abs(sum - (probe[r] ?? NaN))).toBeLessThanOrEqual(2 ** -24 * (size + Math.abs(sum)) * 1.01);
  }
});

test.each(of('alps'))('%s: the error is no higher', async (_, c) => {
  const { job, choice } = await solved(c);
  expect(zeros(choice.kept, job.rows * job.cols)).toBe(c.zeros);
  expect(choice.solver?.relativeError).toBeLessThan((c.relativeError ?? 0) * (1 + TOLERANCE.solverObjective));
});
