import { definePruner } from './define';

/** |W| times the norm of its input channel, compared inside a row (arXiv 2306.11695). */
export const wanda = definePruner({
  id: 'wanda',
  label: 'Wanda',
  help: 'Weight times the size of what flows into it, compared inside each output row.',
  statistics: ['norm'],
  scope: 'row',
  citation: 'Sun et al., A Simple and Effective Pruning Approach for Large Language Models, arXiv 2306.11695',
});
