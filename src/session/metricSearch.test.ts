import { describe, expect, test } from 'vitest';
import type { MetricSearchResult } from '../core/metricSearch';
import { Rng } from '../core/rng';
import {
  depthOf,
  parseExpression,
  printExpression,
  PUBLISHED,
  TERMINALS,
} from '../pruning/solvers/expressions';
import {
  canonical,
  crossover,
  isCandidate,
  isRedundant,
  mutate,
  randomExpression,
} from '../pruning/solvers/expressionSearch';
import { searchMetric } from './metricSearch';

/** A fitness without a model: how far the text is from one that is wanted. */
const distance = (text: string, wanted: string): number => {
  const rows = Array.from({ length: text.length + 1 }, (_, i) => [i]);
  for (let j = 0; j <= wanted.length; j++) (rows[0] ?? [])[j] = j;
  for (let i = 1; i <= text.length; i++)
    for (let j = 1; j <= wanted.length; j++)
      (rows[i] ?? [])[j] = Math.min(
        (rows[i - 1]?.[j] ?? 0) + 1,
        (rows[i]?.[j - 1] ?? 0) + 1,
        (rows[i - 1]?.[j - 1] ?? 0) + (text[i - 1] === wanted[j - 1] ? 0 : 1),
      );
  return rows[text.length]?.[wanted.length] ?? NaN;
};

const search = (seed: number, budget = 60, wanted = 'mul(sqrt(W),tanh(X))'): Promise<MetricSearchResult> =>
  searchMetric({ budget, population: 12, seed, evaluate: (text) => Promise.resolve(distance(text, wanted)) });

describe('trees', () => {
  test('random ones are as deep as asked and read back', () => {
    const rng = new Rng(3);
    for (let i = 0; i < 300; i++) {
      const depth = 1 + (i % 4);
      const e = randomExpression(rng, TERMINALS, depth);
      expect(depthOf(e)).toBe(depth);
      expect(parseExpression(printExpression(e))).toEqual(e);
    }
  });

  test('children are made of their parents', () => {
    const rng = new Rng(4);
    const [a, b] = [parseExpression('mul(abs(W),neg(W))'), parseExpression('add(tanh(G),G)')];
    const children = new Set(Array.from({ length: 200 }, () => printExpression(crossover(rng, a, b))));
    expect(children).toContain('mul(abs(G),neg(W))');
    expect(children).toContain('mul(tanh(G),neg(W))');
    expect(children).toContain('add(tanh(G),G)');
    for (const child of children) expect(child).not.toMatch(/X|sqr|exp/);
    const mutants = new Set(Array.from({ length: 200 }, () => printExpression(mutate(rng, a, ['W', 'X']))));
    expect(mutants).toContain('mul(abs(X),neg(W))');
    expect(mutants).toContain('add(abs(W),neg(W))');
    expect(mutants.size).toBeGreaterThan(20);
  });

  test('idle parts are seen; order of a product does not matter, of a difference it does', () => {
    const redundant = (text: string): boolean => isRedundant(parseExpression(text));
    expect(
      [
        'abs(sqr(W))',
        'neg(neg(W))',
        'add(skip(W),G)',
        'sub(sqr(W),sqr(W))',
        'exp(log(W))',
        'minmax(div(W,G))',
        'mul(div(W,G),X)',
      ].map(redundant),
    ).toEqual([true, true, true, true, true, true, true]);
    expect(['abs(sub(W,G))', 'mul(W,W)', 'log(sqrt(W))'].map(redundant)).toEqual([false, false, false]);
    expect(isRedundant(parseExpression(PUBLISHED))).toBe(false);
    const same = (x: string, y: string): boolean =>
      canonical(parseExpression(x)) === canonical(parseExpression(y));
    expect(same('mul(W,pow2(G))', 'mul(sqr(G),W)')).toBe(true);
    expect(same('sub(W,G)', 'sub(G,W)')).toBe(false);
    expect(
      ['W', 'abs(W)', 'sqr(tanh(G))', 'div(tanh(W),G)', 'sqr(tanh(W))'].map((x) =>
        isCandidate(parseExpression(x)),
      ),
    ).toEqual([false, false, false, false, true]);
  });
});

describe('searchMetric', () => {
  test('begins with the published metric, tries nothing twice, and says the best', async () => {
    const { best, trials } = await search(1);
    expect(trials[0]?.expression).toBe(PUBLISHED);
    expect(trials).toHaveLength(60);
    const texts = trials.map((t) => canonical(parseExpression(t.expression)));
    expect(new Set(texts).size).toBe(60);
    for (const { expression } of trials.slice(1)) expect(isCandidate(parseExpression(expression))).toBe(true);
    expect(best?.perplexity).toBe(Math.min(...trials.map((t) => t.perplexity ?? Infinity)));
  });

  test('a seed makes it repeatable; others search elsewhere', async () => {
    expect(await search(7)).toEqual(await search(7));
    expect((await search(8)).trials).not.toEqual((await search(7)).trials);
  });

  test('children are fitter than random trees', async () => {
    const mean = (list: MetricSearchResult['trials']): number =>
      list.reduce((sum, t) => sum + (t.perplexity ?? NaN), 0) / list.length;
    for (const seed of [1, 2, 3]) {
      const { trials } = await search(seed, 150);
      expect(mean(trials.slice(-30))).toBeLessThan(mean(trials.slice(1, 13)));
    }
  });

  test('models that diverge win nothing; bad parameters and failures are told', async () => {
    const heard: (number | null | undefined)[] = [];
    const given = {
      population: 4,
      seed: 0,
      onTrial: (_: unknown, best: { perplexity: number | null } | null) => heard.push(best?.perplexity),
    };
    const none = await searchMetric({ ...given, budget: 3, evaluate: () => Promise.resolve(null) });
    expect([none.best, none.trials.length, heard]).toEqual([null, 3, [undefined, undefined, undefined]]);
    const ok = { ...given, evaluate: () => Promise.resolve(1) };
    await expect(searchMetric({ ...ok, budget: 0 })).rejects.toThrow(/budget of a search is 0/);
    await expect(searchMetric({ ...ok, budget: 1, population: 1.5 })).rejects.toThrow(/population/);
    const failing = { ...given, budget: 2, evaluate: () => Promise.reject(new Error('cancelled')) };
    await expect(searchMetric(failing)).rejects.toThrow('cancelled');
  });
});
