import type { PrunerParam } from '../pruners/define';
import { defineAllocation, factOf, numberParam } from './define';
import { spreadByWorth, spreadParam, uniformRates } from './spread';

const LAMBDA = spreadParam('dsaLambda');

export const DSA_EXPRESSION: PrunerParam = {
  name: 'dsaExpression',
  label: 'Expression',
  help: 'The published expression, the same without its undefined ASIN, or the best of a search on the select text.',
  type: 'choice',
  choices: ['published', 'safe', 'search'],
  init: 'published',
};

export const DSA_BUDGET: PrunerParam = {
  name: 'dsaBudget',
  label: 'Search budget',
  help: 'Expressions that the search may try, each a pruning and a measurement.',
  type: 'number',
  integer: true,
  min: 1,
  max: 10000,
  init: 200,
};

export const DSA_POPULATION: PrunerParam = {
  name: 'dsaPopulation',
  label: 'Search population',
  help: 'Expressions that live at a time.',
  type: 'number',
  integer: true,
  min: 2,
  max: 1000,
  init: 20,
};

export const DSA_SEED: PrunerParam = {
  name: 'dsaSeed',
  label: 'Search seed',
  help: 'Seed of the search.',
  type: 'number',
  integer: true,
  min: 0,
  init: 0,
};

/** An expression over each block's Wanda scores: the larger its value, the more goes (DSA, NeurIPS 2024). */
export const dsa = defineAllocation({
  id: 'dsa',
  label: 'DSA, by an expression',
  help: 'An expression over the scores of each block decides; blocks of larger value lose more.',
  params: [DSA_EXPRESSION, LAMBDA, DSA_BUDGET, DSA_POPULATION, DSA_SEED],
  citation:
    'Li et al., Discovering Sparsity Allocation for Layer-wise Pruning of Large Language Models, NeurIPS 2024',
  needs: ['importance'],
  searches: (params) => params[DSA_EXPRESSION.name] === 'search',
  clamp: { lo: 0.01, hi: 1, onlyNotPositive: true },
  allocate(input) {
    const importance = factOf(input, 'importance');
    const facts = { importance: [...importance] };
    const worth = importance.map((v) => -v);
    const layers = spreadByWorth(worth, input.sparsity, numberParam(input.params, LAMBDA));
    if (layers) return { layers, facts };
    return {
      layers: uniformRates(input.layers, input.sparsity),
      facts,
      fallback: 'The expression has the same value in every block, so nothing tells them apart: uniform.',
    };
  },
});
