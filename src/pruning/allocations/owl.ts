import type { PrunerParam } from '../pruners/define';
import { defineAllocation, factOf, numberParam } from './define';
import { spreadByWorth, spreadParam, uniformRates } from './spread';

export const OWL_M: PrunerParam = {
  name: 'owlM',
  label: 'Outlier threshold M',
  help: 'A score counts as an outlier above M times the mean of its block.',
  type: 'number',
  min: 0,
  max: 1000,
  init: 5,
};

const LAMBDA = spreadParam('owlLambda');

/** Blocks with more outliers among their Wanda scores keep more (arXiv 2310.05175). */
export const owl = defineAllocation({
  id: 'owl',
  label: 'OWL, by outliers',
  help: 'Blocks in which more scores stand far above the mean keep more of their weights.',
  params: [OWL_M, LAMBDA],
  citation:
    'Yin et al., Outlier Weighed Layerwise Sparsity (OWL): A Missing Secret Sauce for Pruning LLMs to High Sparsity, arXiv 2310.05175',
  needs: ['outliers'],
  clamp: { lo: 0.01, hi: 1, onlyNotPositive: true },
  allocate(input) {
    const outliers = factOf(input, 'outliers');
    const facts = { 'outliers, %': [...outliers] };
    const layers = spreadByWorth(outliers, input.sparsity, numberParam(input.params, LAMBDA));
    if (layers) return { layers, facts };
    return {
      layers: uniformRates(input.layers, input.sparsity),
      facts,
      fallback: 'Every block has the same share of outliers, so nothing tells them apart: uniform.',
    };
  },
});
