import { describe, expect, test } from 'vitest';
import { checkedRun, verify, type Prepared } from './contender';
import { attentionProblem, matmulProblem, type Input, type Problem } from './problems';

/** A contender on the host in f32, with a fault where `spoil` puts one. */
function onHost(problem: Problem, spoil: (values: Float32Array, input: Input) => Float32Array): Prepared {
  let result = new Float32Array();
  return {
    start(input) {
      const right = Float32Array.from({ length: problem.count }, (_, i) => problem.expected(i, input).value);
      result = new Float32Array(spoil(right, input));
      return Promise.resolve();
    },
    settle: () => Promise.resolve(result.at(-1) ?? NaN),
    output: () => Promise.resolve(result),
    close: () => Promise.resolve(),
  };
}

const PROBLEMS: Problem[] = [matmulProblem('test', 12, 20, 16), attentionProblem(10, 2, 8)];

describe.each(PROBLEMS)('$kind', (problem) => {
  test('right results pass, those of strict contenders within f32', async () => {
    await verify({ ...onHost(problem, (v) => v), strict: true }, problem);
  });

  test('a coarse result passes for a peer, not for us', async () => {
    const coarse = onHost(problem, (values) => values.map((v, i) => v + 10 * problem.expected(i, 0).bound));
    await verify(coarse, problem);
    await expect(verify({ ...coarse, strict: true }, problem)).rejects.toThrow('the result is wrong');
  });

  test('the result of another input, none at all, or half of one does not', async () => {
    const first = onHost(problem, (v) => v);
    await first.start(0);
    const stuck = { ...first, start: () => Promise.resolve() };
    await expect(verify(stuck, problem)).rejects.toThrow('is wrong');
    await expect(checkedRun(stuck, problem, 1, 1)).rejects.toThrow('a timed result is wrong');
    const zero = onHost(problem, (v) => v.fill(0));
    await expect(verify(zero, problem)).rejects.toThrow('is wrong');
    const half = onHost(problem, (v) => v.subarray(0, v.length / 2));
    await expect(verify(half, problem)).rejects.toThrow('values, not');
  });

  test('both inputs differ in sign alone', () => {
    const [a, b] = [problem.expected(7, 0), problem.expected(7, 1)];
    expect(b.value).toBe(-a.value);
    expect(a.bound).toBeGreaterThan(0);
    expect(a.bound).toBeLessThan(1e-3);
  });
});

test('attention of the first query is its own value; a mean where all scores are equal', () => {
  const problem = attentionProblem(4, 1, 4);
  expect(problem.expected(2, 0).value).toBeCloseTo(problem.v[0][2] ?? NaN, 12);
  problem.q.fill(0);
  const mean = [0, 1, 2].reduce((sum, key) => sum + (problem.v[0][key * 4 + 1] ?? NaN), 0) / 3;
  expect(problem.expected(2 * 4 + 1, 0).value).toBeCloseTo(mean, 6);
});
