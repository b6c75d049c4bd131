import { definePruner } from './define';
import { DAMPENING } from './sparsegpt';

/** Trades pruned against kept weights of a row until its expected output is back (arXiv 2310.08915). */
export const dsnot = definePruner({
  id: 'dsnot',
  label: 'DSnoT',
  help: 'Starts from a mask and swaps weights inside each row until the mean output is as before. Weights stay as they are.',
  statistics: ({ initial }) => ['norm', 'moments', ...(initial === 'sparsegpt' ? (['gram'] as const) : [])],
  scope: 'row',
  params: [
    {
      name: 'initial',
      label: 'Start from',
      help: 'The scores of the first mask, compared inside each row.',
      type: 'choice',
      choices: ['wanda', 'magnitude', 'sparsegpt'],
      init: 'wanda',
    },
    {
      name: 'maxCycles',
      label: 'Swaps a row',
      help: 'At most this many.',
      type: 'number',
      min: 0,
      max: 10_000,
      init: 50,
    },
    {
      name: 'threshold',
      label: 'Good enough',
      help: 'A row is done when its expected error is below this, at sequences of 2048 tokens; shorter ones in proportion.',
      type: 'number',
      min: 0,
      max: 1000,
      init: 0.1,
    },
    {
      name: 'skipMlp',
      label: 'Attention only',
      help: 'Matrices of the MLP keep the first mask, as published.',
      type: 'boolean',
      init: true,
    },
    {
      name: 'withoutSameSign',
      label: 'May overshoot',
      help: 'A swap may turn the sign of the error. With K:M patterns it never may.',
      type: 'boolean',
      init: true,
    },
    { ...DAMPENING, help: 'Of the Hessian, where the first mask is that of SparseGPT.' },
  ],
  citation:
    'Zhang et al., Dynamic Sparse No Training: Training-Free Fine-tuning for Sparse LLMs, arXiv 2310.08915',
  choose: () => () => import('../solvers/dsnot').then((m) => m.prune),
});
