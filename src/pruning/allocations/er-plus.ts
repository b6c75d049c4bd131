import type { PrunerParam } from '../pruners/define';
import { defineAllocation, matricesOf } from './define';
import { erdosRenyi } from './er';
import { PER, ratesPer } from './per';

const LAST: PrunerParam = {
  name: 'erDense',
  label: 'Left dense',
  help: 'What counts as the last layer, which stays dense: the last block, or only its last matrix.',
  type: 'choice',
  choices: ['block', 'matrix'],
  init: 'block',
};

/** ER with the last layer dense (Random Pruning, arXiv 2202.02643); the rest is pruned more, so that the total stands. */
export const erPlus = defineAllocation({
  id: 'er-plus',
  label: 'ER-Plus, ER with the last layer dense',
  help: 'Shapes decide as in ER, and the last layer stays whole.',
  params: [LAST, PER],
  citation:
    'Liu et al., The Unreasonable Effectiveness of Random Pruning: Return of the Most Naive Baseline for Sparse Training, arXiv 2202.02643',
  allocate(input) {
    const matrices = matricesOf(input);
    const last = matrices.length - 1;
    const block = (input.params[LAST.name] ?? LAST.init) === 'block';
    const dense = new Set(
      matrices.flatMap(({ layer }, k) => ((block ? layer === input.layers - 1 : k === last) ? [k] : [])),
    );
    const rates = erdosRenyi(matrices, input.sparsity, dense);
    if (rates) return ratesPer(input, rates);
    return {
      ...ratesPer(input, erdosRenyi(matrices, input.sparsity) ?? []),
      fallback: `The last ${block ? 'block' : 'matrix'} alone has more weights than may stay, so it is pruned like the rest (ER).`,
    };
  },
});
