import { definePruner } from './define';

/** |W|, compared over the whole matrix; needs no data. */
export const magnitude = definePruner({
  id: 'magnitude',
  label: 'Magnitude',
  help: 'The smallest weights of each matrix, whatever flows into them. Needs no text.',
  statistics: [],
  scope: 'matrix',
  citation:
    'Han et al., Learning both Weights and Connections for Efficient Neural Networks, arXiv 1506.02626',
});
