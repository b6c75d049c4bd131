import { expect, test } from 'vitest';
import { Rng } from '../../../core/rng';
import { formatExpression, POST_OPS, PRE_OPS, PUBLISHED, REDUCE_OPS, type Expression } from '../../measures/expression'; // prettier-ignore
import { ExpressionEvolution } from './evolution';
import { Tpe, type Bounds } from './tpe';

/** A valley off the middle, in 8 dimensions. */
const valley = (x: readonly number[]): number =>
  x.reduce((sum, v, i) => sum + (v - (0.5 + 0.02 * i)) ** 2, 0);
const bounds: Bounds[] = Array.from({ length: 8 }, () => ({ lo: 0.25, hi: 0.95 }));

function tpeBest(seed: number, trials: number): number {
  const tpe = new Tpe(bounds, seed);
  let best = Infinity;
  for (let i = 0; i < trials; i++) {
    const point = tpe.ask();
    point.forEach((x, d) => {
      expect(x).toBeGreaterThanOrEqual(bounds[d]?.lo ?? 0);
      expect(x).toBeLessThanOrEqual(bounds[d]?.hi ?? 1);
    });
    const value = valley(point);
    best = Math.min(best, value);
    // A diverged trial is a bad one, no accident.
    tpe.tell(point, i % 17 === 16 ? null : value);
  }
  return best;
}

test('TPE beats random search at the same budget', () => {
  let wins = 0;
  for (let seed = 0; seed < 10; seed++) {
    const rng = new Rng(seed, 'random');
    let random = Infinity;
    for (let i = 0; i < 100; i++) random = Math.min(random, valley(bounds.map(({ lo, hi }) => lo + (hi - lo) * rng.float())));
    if (tpeBest(seed, 100) < random) wins++;
  }
  expect(wins).toBeGreaterThanOrEqual(9);
}); // prettier-ignore

test('TPE is the same for the same seed', () => {
  expect(tpeBest(3, 30)).toBe(tpeBest(3, 30));
  expect(tpeBest(3, 30)).not.toBe(tpeBest(4, 30));
});

/** Parts that fit are what crossover can bring together. */
function fitness({ pre, reduce, post }: Expression): number {
  return (pre.includes('POW') ? 0 : 1) + (pre.includes('MMS') ? 0 : 1) + (reduce === 'ENTROPY' ? 0 : 2) + (post.includes('TANH') ? 0 : 1) + (post.includes('ABS') ? 0 : 1); // prettier-ignore
}

function evolved(seed: number, budget: number): { best: number; tried: string[] } {
  const search = new ExpressionEvolution(20, seed);
  let best = Infinity;
  const tried: string[] = [];
  for (let i = 0; i < budget; i++) {
    const expression = search.ask();
    tried.push(formatExpression(expression));
    best = Math.min(best, fitness(expression));
    search.tell(expression, fitness(expression));
  }
  return { best, tried };
}

test('evolution begins with the published expression and beats random expressions', () => {
  let [ours, random] = [0, 0];
  for (let seed = 0; seed < 10; seed++) {
    const { best, tried } = evolved(seed, 120);
    expect(tried[0]).toBe(formatExpression(PUBLISHED));
    ours += best;
    const rng = new Rng(seed, 'random');
    const pick = <T>(ops: readonly T[]): T => ops[rng.below(ops.length)] as T;
    let other = Infinity;
    for (let i = 0; i < 120; i++) {
      const pre = Array.from({ length: rng.below(3) }, () => pick(PRE_OPS));
      const post = Array.from({ length: 1 + rng.below(2) }, () => pick(POST_OPS));
      other = Math.min(other, fitness({ pre, reduce: pick(REDUCE_OPS), post }));
    }
    random += other;
  }
  expect(ours).toBeLessThan(random);
  expect(evolved(1, 50)).toEqual(evolved(1, 50));
});
