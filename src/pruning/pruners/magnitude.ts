import { definePruner } from './define';

/** |W|, compared over the whole matrix; needs no data. */
export const magnitude = definePruner({
  id: 'magnitude',
  label: 'Magnitude',
  help: 'The smallest weights of each matrix, whatever flows into them. Needs no text.',
  statistics: [],
  scope: ({ compare }) => (compare === 'row' ? 'row' : 'matrix'),
  params: [
    {
      name: 'compare',
      label: 'Compare',
      help: 'Matrix: over the whole matrix, as all papers do. Row: inside each output row, all of which lose equally many.',
      type: 'choice',
      choices: ['matrix', 'row'],
      init: 'matrix',
    },
  ],
  citation:
    'Han et al., Learning both Weights and Connections for Efficient Neural Networks, arXiv 1506.02626',
});
