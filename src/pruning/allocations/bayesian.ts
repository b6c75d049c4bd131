import type { PrunerParam } from '../pruners/define';
import { defineAllocation, factOf } from './define';

export const BAYES_TRIALS: PrunerParam = {
  name: 'bayesTrials',
  label: 'Trials',
  help: 'Sets of rates that are tried, each a pruning and a measurement.',
  type: 'number',
  integer: true,
  min: 1,
  max: 10000,
  init: 50,
};

export const BAYES_SEED: PrunerParam = {
  name: 'bayesSeed',
  label: 'Search seed',
  help: 'Seed of the search.',
  type: 'number',
  integer: true,
  min: 0,
  init: 0,
};

export const BAYES_RANGE: PrunerParam = {
  name: 'bayesRange',
  label: 'Range',
  help: 'How far from the target a rate is looked for.',
  type: 'number',
  min: 0,
  max: 1,
  init: 0.25,
};

/** Rates of the layers searched on the select text by tree-structured Parzen estimators. */
export const bayesian = defineAllocation({
  id: 'bayesian',
  label: 'Bayesian search',
  help: 'Tries many sets of rates and keeps the one with the lowest perplexity on the select text.',
  params: [BAYES_TRIALS, BAYES_SEED, BAYES_RANGE],
  citation: 'Akiba et al., Optuna: A Next-generation Hyperparameter Optimization Framework, arXiv 1907.10902',
  needs: ['searched'],
  searches: () => true,
  allocate: (input) => [...factOf(input, 'searched')],
});
