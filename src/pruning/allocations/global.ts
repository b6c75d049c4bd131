import type { PrunerParam } from '../pruners/define';
import { defineAllocation, factOf, matricesOf } from './define';
import { PER, ratesPer } from './per';

export const GLOBAL_SCORE: PrunerParam = {
  name: 'globalScore',
  label: 'Score',
  help: 'What is compared over the whole model: the Wanda score of the dense model, or |W|.',
  type: 'choice',
  choices: ['wanda', 'magnitude'],
  init: 'wanda',
};

/** One threshold for the whole model; a matrix loses what lies below it. */
export const globalAllocation = defineAllocation({
  id: 'global',
  label: 'Global, one threshold for all',
  help: 'The lowest scores of the whole model go, wherever they are.',
  params: [GLOBAL_SCORE, PER],
  citation:
    'Frankle and Carbin, The Lottery Ticket Hypothesis: Finding Sparse, Trainable Neural Networks, arXiv 1803.03635',
  needs: ['globalZeros'],
  clamp: ({ updates }) => ({ lo: 0, hi: updates ? 0.99 : 1 }),
  allocate(input) {
    const zeros = factOf(input, 'globalZeros');
    return ratesPer(
      input,
      matricesOf(input).map(({ count }, k) => (zeros[k] ?? 0) / (count || 1)),
    );
  },
});
