import { LabError } from '../../core/errors';
import { layerRange } from '../../core/layerRange';
import { definePruner } from './define';

/** Whole heads and MLP channels by the first-order change of the loss (arXiv 2305.11627). */
export const llmPruner = definePruner({
  id: 'llm-pruner',
  label: 'LLM-Pruner',
  help: 'Whole heads (a key/value head with its queries) and MLP channels, those that change the loss least.',
  statistics: ({ importance }) => (importance === 'magnitude' ? [] : ['gradientSum']),
  scope: 'matrix',
  groups: false,
  params: [
    {
      name: 'importance',
      label: 'Importance',
      help: 'taylor: |weight x gradient|, summed over a group; magnitude: |weight|, which needs no text.',
      type: 'choice',
      choices: ['taylor', 'magnitude'],
      init: 'taylor',
    },
    {
      name: 'heads',
      label: 'Heads',
      help: 'Remove attention heads; with grouped-query attention a key/value head and all its queries.',
      type: 'boolean',
      init: true,
    },
    { name: 'channels', label: 'Channels', help: 'Remove MLP channels.', type: 'boolean', init: true },
    {
      name: 'firstLayer',
      label: 'First layer',
      help: 'Layers before this one (from 0) stay whole; the paper begins at 4 of 32.',
      type: 'number',
      min: 0,
      init: 0,
    },
    {
      name: 'lastLayer',
      label: 'Last layer',
      help: 'Layers after this one stay whole, -1: none; the paper ends at 29 of 32.',
      type: 'number',
      min: -1,
      init: -1,
    },
    {
      name: 'shrink',
      label: 'Smaller model',
      help: 'Export a model without the removed heads and channels, instead of zeros in their place.',
      type: 'boolean',
      init: false,
    },
  ],
  citation: 'Ma et al., LLM-Pruner: On the Structural Pruning of Large Language Models, arXiv 2305.11627',
  range(params, layers) {
    const found = layerRange(params, layers);
    if (found) return found;
    const [first, last] = [params['firstLayer'], params['lastLayer']];
    throw new LabError(
      'SpecError',
      `Layers ${String(first)} to ${last === -1 ? layers - 1 : String(last)} are not layers of this model, which has 0 to ${layers - 1}.`,
      'Set firstLayer and lastLayer to whole numbers in that range.',
    );
  },
  chooseLayer: () => () => import('../structured/llmPruner').then((m) => m.chooseLayer),
});
