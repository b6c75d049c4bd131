import { expect, test } from 'vitest';
import { LabError } from '../../core/errors';
import { formulaOf } from './formula';

test.each([
  ['mul(abs(mul(W,W)),minmax(G))', '|W · W| · minmax(G)'],
  ['W', 'W'],
  ['sqr(add(W,skip(X)))', '(W + X)²'],
  ['pow2(sqr(W))', '(W²)²'],
  ['sub(W,sub(G,X))', 'W − (G − X)'],
  ['sub(sub(W,G),X)', 'W − G − X'],
  ['add(W,neg(G))', 'W + (−G)'],
  ['neg(add(W,G))', '−(W + G)'],
  ['neg(mul(W,G))', '−W · G'],
  ['mul(add(W,G),div(X,sub(W,G)))', '(W + G) · X / ‖W − G‖'],
  ['mul(sqrt(mul(W,X)),log(neg(G)))', '√|W · X| · log(|−G| + 0.001)'],
  ['sqr(sqrt(W))', '(√|W|)²'],
  ['exp(zscore(tanh(W)))', 'exp(zscore(tanh(W)))'],
])('%s is written %s', (metric, formula) => {
  expect(formulaOf(metric)).toBe(formula);
});

test('what is no metric is told', () => {
  expect(() => formulaOf('mul(W')).toThrow(LabError);
});
