import type { PrunerParam } from '../pruners/define';
import { defineAllocation, factOf, matricesOf, numberParam } from './define';
import { uniformRates } from './spread';

const EPS: PrunerParam = {
  name: 'alphaEps',
  label: 'Epsilon',
  help: 'The highest rate is (1 + epsilon) / (1 - epsilon) times the lowest.',
  type: 'number',
  min: 0,
  max: 0.99,
  init: 0.3,
};

export const ALPHA_TAIL: PrunerParam = {
  name: 'alphaTail',
  label: 'Start of the tail',
  help: 'Where the tail of the spectrum begins: near the peak of its histogram, or at its middle eigenvalue.',
  type: 'choice',
  choices: ['peak', 'middle'],
  init: 'peak',
};

export const ALPHA_AS_INTENDED: PrunerParam = {
  name: 'alphaAsIntended',
  label: 'Lower limit as intended',
  help: 'Look from 0.95 times the peak on; the published code takes a logarithm too many and looks further down.',
  type: 'boolean',
  init: false,
};

/** Blocks whose spectra have heavier tails are better trained and keep more (arXiv 2410.10912). */
export const alphapruning = defineAllocation({
  id: 'alphapruning',
  label: 'AlphaPruning, by the spectra of the weights',
  help: 'Blocks whose matrices have heavier spectral tails keep more. Needs no text.',
  params: [EPS, ALPHA_TAIL, ALPHA_AS_INTENDED],
  citation:
    'Lu et al., AlphaPruning: Using Heavy-Tailed Self Regularization Theory for Improved Layer-wise Pruning of Large Language Models, arXiv 2410.10912',
  needs: ['alphas'],
  clamp: { lo: 0, hi: 0.99 },
  allocate(input) {
    const alphas = factOf(input, 'alphas');
    const matrices = matricesOf(input);
    const known = alphas.filter((alpha) => alpha !== null);
    const overall = mean(known);
    const blocks = Array.from({ length: input.layers }, (_, layer) => {
      const own = alphas.filter((alpha, k) => alpha !== null && matrices[k]?.layer === layer);
      return own.length > 0 ? mean(own as number[]) : overall;
    });
    const facts = { alpha: blocks };
    const layers = ratesOfAlphas(blocks, input.sizes, input.sparsity, numberParam(input.params, EPS));
    if (layers) return { layers, facts };
    return {
      layers: uniformRates(input.layers, input.sparsity),
      ...(known.length > 0 ? { facts } : {}),
      fallback:
        known.length > 0
          ? 'Every block has the same exponent, so nothing tells them apart: uniform.'
          : 'No matrix has an eigenvalue above 1e-5, so there is no spectrum to compare: uniform.',
    };
  },
});

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** Rates with size-weighted mean S, linear in alpha; null where all alphas are equal. Not clamped. */
export function ratesOfAlphas(
  alphas: readonly number[],
  sizes: readonly number[],
  sparsity: number,
  eps: number,
): number[] | null {
  const low = Math.min(...alphas);
  const width = Math.max(...alphas) - low;
  if (!(width > 0)) return null;
  const ratios = alphas.map((alpha) => ((alpha - low) / width) * 2 * eps + (1 - eps));
  const total = sizes.reduce((a, b) => a + b, 0);
  const scale = (sparsity * total) / ratios.reduce((sum, r, i) => sum + r * (sizes[i] ?? 0), 0);
  return ratios.map((r) => r * scale);
}
