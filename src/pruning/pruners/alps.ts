import { definePruner } from './define';
import { DAMPENING } from './sparsegpt';

/** The best weights under a budget of non-zeros, by ADMM and conjugate gradients (arXiv 2406.07831). */
export const alps = definePruner({
  id: 'alps',
  label: 'ALPS',
  help: 'Solves for mask and weights of a whole matrix together, so that its outputs stay close. Slow and thorough.',
  statistics: ({ maskFrom }) => (maskFrom === 'wanda' ? ['gram', 'norm'] : ['gram']),
  scope: 'matrix',
  updates: true,
  params: [
    { ...DAMPENING, help: 'Added to the diagonal of the Gram matrix, as a fraction of its mean.' },
    {
      name: 'rho',
      label: 'Penalty at first',
      help: 'How strongly weights are drawn to the sparse solution at first; it grows by itself.',
      type: 'number',
      min: 1e-6,
      max: 1e6,
      init: 0.1,
    },
    {
      name: 'maxIterations',
      label: 'Iterations',
      help: 'At most this many; usually it stops long before.',
      type: 'number',
      min: 0,
      max: 10_000,
      init: 300,
    },
    {
      name: 'maskFrom',
      label: 'Mask from',
      help: 'Own: solved for. Otherwise the mask of that pruner, under which only the weights are solved for.',
      type: 'choice',
      choices: ['own', 'magnitude', 'wanda'],
      init: 'own',
    },
  ],
  citation: 'Meng et al., ALPS: Improved Optimization for Highly Sparse One-Shot Pruning, arXiv 2406.07831',
  choose: () => () => import('../solvers/alps').then((m) => m.prune),
});
