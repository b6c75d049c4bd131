import { describe, expect, test } from 'vitest';
import fixture from '../../testing/fixtures/zeroshot.json';
import { argmax, chanceOf, comparePairs, constantAccuracy, scoreTask, type ScoredItem } from './scores';
import { estimate, guessingP, mcNemarP, pairedMean } from './statistics';

const { guessing, mcNemar, paired } = fixture.statistics;
const item = (gold: number, logLikelihoods: number[], characters: number[] = []): ScoredItem => ({
  gold,
  options: logLikelihoods.map((logLikelihood, i) => ({ logLikelihood, characters: characters[i] ?? 1 })),
});

describe('statistics as SciPy has them', () => {
  test.each(guessing)('$successes right by guessing', ({ successes, probabilities, p }) => {
    expect(guessingP(successes, probabilities)).toBeCloseTo(p, 10);
  });

  test.each(mcNemar)('$lost lost and $gained gained', ({ lost, gained, p }) => {
    expect(mcNemarP(lost, gained)).toBeCloseTo(p, 12);
  });

  test('no discordant item is no difference', () => expect(mcNemarP(0, 0)).toBe(1));

  test.each(paired)('mean, standard error and interval', ({ differences, mean, stderr, interval }) => {
    const found = pairedMean(differences);
    expect(found?.mean).toBeCloseTo(mean, 12);
    expect(estimate(differences)?.stderr).toBeCloseTo(stderr, 12);
    expect(found?.low).toBeCloseTo(interval[0] ?? NaN, 9);
    expect(found?.high).toBeCloseTo(interval[1] ?? NaN, 9);
  });

  test('one item has no spread; what is not finite has no mean', () => {
    expect(pairedMean([2])).toEqual({ mean: 2, low: null, high: null, distinguishable: false });
    expect(estimate([1])).toEqual({ mean: 1, stderr: null });
    expect(estimate([1, NaN])).toBeNull();
    expect(estimate([])).toBeNull();
  });
});

describe('scores', () => {
  test('the first of equals is chosen, the first that is not a number before all', () => {
    expect([argmax([-1, -1, -2]), argmax([-2, -1, -1]), argmax([-1, NaN, 0]), argmax([-Infinity])]).toEqual([
      0, 1, 1, 0,
    ]);
  });

  test('acc and acc_norm differ where long options are right', () => {
    const items = [item(1, [-4, -6], [2, 12]), item(0, [-1, -5], [1, 1])];
    const score = scoreTask(items, { norm: true, metric: 'acc_norm' });
    expect(score.acc).toEqual({ mean: 0.5, stderr: 0.5 });
    expect(score.accNorm).toEqual({ mean: 1, stderr: 0 });
    expect(score.margin?.mean).toBe((-2 + 4) / 2);
    expect(score.marginNorm?.mean).toBeCloseTo((1.5 + 4) / 2, 12);
    expect(score.chanceP).toBeCloseTo(0.5, 12);
    expect(score.chosen).toBeNull();
  });

  test('the margin is to the best other option', () => {
    expect(scoreTask([item(2, [-9, -3, -1])], { norm: false, metric: 'acc' }).margin?.mean).toBe(2);
  });

  test('fixed options are counted; a tie goes to the first', () => {
    const items = [item(0, [-1, -1]), item(1, [-1, -1]), item(1, [-2, -1])];
    const score = scoreTask(items, { norm: false, metric: 'acc', fixed: 2 });
    expect(score.chosen).toEqual([2, 1]);
    expect(score.acc.mean).toBeCloseTo(2 / 3, 12);
    expect(constantAccuracy(items, 2)).toBeCloseTo(2 / 3, 12);
  });

  test('a model that diverged is said to; its margin is unknown', () => {
    const score = scoreTask([item(0, [-1, -2]), item(1, [NaN, NaN])], { norm: false, metric: 'acc' });
    expect(score).toMatchObject({ diverged: 1, margin: null, acc: { mean: 0.5 } });
  });

  test('guessing where items have different numbers of options', () => {
    expect(chanceOf([item(0, [0, 0]), item(0, [0, 0, 0, 0])])).toBe(0.375);
  });

  test('pruned against dense, item by item', () => {
    const dense = [item(0, [-1, -2]), item(0, [-1, -2]), item(1, [-1, -2]), item(1, [-2, -1])];
    const pruned = [item(0, [-3, -2]), item(0, [-1, -3]), item(1, [-3, -2]), item(1, [-2, -1])];
    const found = comparePairs(dense, pruned, { norm: false, metric: 'acc' });
    expect(found).toMatchObject({ lost: 1, gained: 1, p: 1, difference: 0 });
    expect(found.margin?.mean).toBeCloseTo((-2 + 1 + 2 + 0) / 4, 12);
  });
});
