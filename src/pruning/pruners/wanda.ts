import { definePruner } from './define';
import { DAMPENING } from './sparsegpt';

/** |W| times the norm of its input channel, compared inside a row (arXiv 2306.11695). */
export const wanda = definePruner({
  id: 'wanda',
  label: 'Wanda',
  help: 'Weight times the size of what flows into it, compared inside each output row.',
  statistics: ({ update }) => (update === 'sparsegpt' ? ['norm', 'gram'] : ['norm']),
  scope: ({ variant }) => (variant === true ? 'matrix' : 'row'),
  updates: ({ update }) => update === 'sparsegpt',
  params: [
    {
      name: 'variant',
      label: 'By share of the scores',
      help: 'Rows lose the same share of their summed scores in place of the same count; K:M patterns stay as they are.',
      type: 'boolean',
      init: false,
    },
    {
      name: 'update',
      label: 'Update',
      help: 'What becomes of the weights that stay: nothing, or the update of SparseGPT under this mask.',
      type: 'choice',
      choices: ['none', 'sparsegpt'],
      init: 'none',
    },
    { ...DAMPENING, help: 'Of the update: added to the diagonal of the Hessian, as a fraction of its mean.' },
  ],
  citation: 'Sun et al., A Simple and Effective Pruning Approach for Large Language Models, arXiv 2306.11695',
  choose: ({ variant, update }) =>
    variant === true || update === 'sparsegpt' ? () => import('../solvers/wanda').then((m) => m.prune) : null,
});
