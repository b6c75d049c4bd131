import { LabError } from '../../core/errors';
import { parseExpression, PUBLISHED, uses } from '../solvers/expressions';
import { definePruner, type Params } from './define';

const expressionOf = (params: Params): ReturnType<typeof parseExpression> =>
  parseExpression(String(params['expression'] ?? PUBLISHED));

/** A metric found by genetic programming, over weights and gradients (arXiv 2406.02924). */
export const prunerZero = definePruner({
  id: 'pruner-zero',
  label: 'Pruner-Zero',
  help: 'A metric that a search found: squared weight times the size of the gradient, compared inside each output row.',
  statistics: (params) => {
    const expression = expressionOf(params);
    return [
      ...(uses(expression, 'G') ? (['gradient'] as const) : []),
      ...(uses(expression, 'X') ? (['norm'] as const) : []),
    ];
  },
  scope: 'row',
  params: [
    {
      name: 'expression',
      label: 'Metric',
      help: 'Of W, G and X: mul(abs(mul(W,W)),minmax(G)) is the published one; a search for metrics finds others.',
      type: 'text',
      init: PUBLISHED,
      problem: (text) => {
        try {
          parseExpression(text);
          return null;
        } catch (error) {
          const { message, remedy = '' } = LabError.from(error);
          return `${message} ${remedy}`;
        }
      },
    },
  ],
  citation:
    'Dong et al., Pruner-Zero: Evolving Symbolic Pruning Metric from Scratch for Large Language Models, arXiv 2406.02924',
  choose: () => () => import('../solvers/prunerZero').then((m) => m.prune),
});
