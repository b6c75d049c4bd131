import { defineAllocation, factOf, matricesOf } from './define';
import { PER, ratesPer } from './per';

/** w^2 over the sum of the squares that are not smaller, compared over the whole model (arXiv 2010.07611). */
export const lamp = defineAllocation({
  id: 'lamp',
  label: 'LAMP, magnitude adapted to each matrix',
  help: 'Weights are compared over the whole model by their share of what is left of their matrix. Needs no text.',
  params: [PER],
  citation: 'Lee et al., Layer-adaptive sparsity for the Magnitude-based Pruning, arXiv 2010.07611',
  needs: ['lampZeros'],
  allocate(input) {
    const zeros = factOf(input, 'lampZeros');
    return ratesPer(
      input,
      matricesOf(input).map(({ count }, k) => (zeros[k] ?? 0) / (count || 1)),
    );
  },
});
