import { definePruner, type PrunerParam } from './define';

/** Also of pruners that borrow the update or the Hessian. */
export const DAMPENING: PrunerParam = {
  name: 'dampening',
  label: 'Damping',
  help: 'Added to the diagonal of the Hessian, as a fraction of its mean. Ten times more where it cannot be factorised.',
  type: 'number',
  min: 0,
  max: 1,
  init: 0.01,
};

/** Removes column by column and lets the columns to the right make up for it (arXiv 2301.00774). */
export const sparsegpt = definePruner({
  id: 'sparsegpt',
  label: 'SparseGPT',
  help: 'Removes weights column by column, and changes the columns to the right so that the outputs stay close.',
  statistics: ({ maskFrom }) => (maskFrom === 'wanda' ? ['gram', 'norm'] : ['gram']),
  scope: 'matrix',
  updates: true,
  params: [
    DAMPENING,
    {
      name: 'blockSize',
      label: 'Columns in a block',
      help: 'Each block of columns loses the asked fraction, chosen from weights already made up for earlier blocks.',
      type: 'number',
      min: 1,
      max: 4096,
      init: 128,
    },
    {
      name: 'maskFrom',
      label: 'Mask from',
      help: 'Own: chosen while solving. Otherwise the mask of that pruner, and only the update of this one.',
      type: 'choice',
      choices: ['own', 'magnitude', 'wanda'],
      init: 'own',
    },
  ],
  citation:
    'Frantar and Alistarh, SparseGPT: Massive Language Models Can Be Accurately Pruned in One-Shot, arXiv 2301.00774',
  choose: () => () => import('../solvers/sparsegpt').then((m) => m.prune),
});
