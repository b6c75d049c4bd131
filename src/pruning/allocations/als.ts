import type { PrunerParam } from '../pruners/define';
import { defineAllocation, factOf, matricesOf, type AllocationInput } from './define';
import { uniformRates } from './spread';

export const ALS_SEQUENCES: PrunerParam = {
  name: 'alsSequences',
  label: 'Sequences',
  help: 'Calibration sequences whose activations are compared.',
  type: 'number',
  integer: true,
  min: 1,
  max: 128,
  init: 16,
};

export const ALS_TOKENS: PrunerParam = {
  name: 'alsTokens',
  label: 'Tokens of each',
  help: 'Tokens of each sequence that are compared, evenly spread; 0 for all, or as many as some seconds allow.',
  type: 'number',
  integer: true,
  min: 0,
  max: 131072,
  init: 0,
};

const BOUND: PrunerParam = {
  name: 'alsBound',
  label: 'Bound',
  help: 'How far a rate may be from the target; the rates stay between 0.01 and 0.99.',
  type: 'number',
  min: 0,
  max: 1,
  init: 0.2,
};

const GRAIN: PrunerParam = {
  name: 'alsGrain',
  label: 'Granularity',
  help: 'Rates are multiples of this; 0 leaves them as they are.',
  type: 'number',
  min: 0,
  max: 0.1,
  init: 0.005,
};

export const ALS_WITHIN: PrunerParam = {
  name: 'alsWithin',
  label: 'Also within blocks',
  help: 'Share the budget of each block out among its matrices in the same way.',
  type: 'boolean',
  init: true,
};

export const ALS_NORMALISE: PrunerParam = {
  name: 'alsNormalise',
  label: 'Normalise',
  help: 'Compare activations of unit length, and divide what an item is worth by its mean |W|.',
  type: 'boolean',
  init: true,
};

/** Blocks whose inputs resemble those of others lose more: a linear programme (ALS, NeurIPS 2024). */
export const als = defineAllocation({
  id: 'als',
  label: 'ALS, by the likeness of activations',
  help: 'Layers whose inputs resemble those of other layers lose more.',
  params: [ALS_SEQUENCES, ALS_TOKENS, BOUND, GRAIN, ALS_WITHIN, ALS_NORMALISE],
  citation:
    'Li et al., Adaptive Layer Sparsity for Large Language Models via Activation Correlation Assessment, NeurIPS 2024',
  needs: (params) => [
    'blockSimilarity',
    ...((params[ALS_WITHIN.name] ?? ALS_WITHIN.init) === true ? (['inputSimilarity'] as const) : []),
    ...((params[ALS_NORMALISE.name] ?? ALS_NORMALISE.init) === true ? (['magnitudes'] as const) : []),
  ],
  clamp: { lo: 0.01, hi: 0.99 },
  allocate(input) {
    const value = (param: PrunerParam): unknown => input.params[param.name] ?? param.init;
    const rules = { bound: Number(value(BOUND)), grain: Number(value(GRAIN)) };
    const magnitudes = value(ALS_NORMALISE) === true ? factOf(input, 'magnitudes') : null;
    const worth = worthOf(factOf(input, 'blockSimilarity'), magnitudes && blockMagnitudes(input, magnitudes));
    const facts = { worth };
    const layers = knapsackRates(worth, input.sizes, input.sparsity, rules);
    if (!layers)
      return {
        layers: uniformRates(input.layers, input.sparsity),
        facts,
        fallback: 'Every block is worth the same, so nothing tells them apart: uniform.',
      };
    if (value(ALS_WITHIN) !== true) return { layers, facts };

    const matrices = matricesOf(input);
    const rates = new Array<number>(matrices.length).fill(0);
    for (const [layer, similarity] of factOf(input, 'inputSimilarity').entries()) {
      const own = matrices.flatMap((m, k) => (m.layer === layer ? [k] : []));
      const target = layers[layer] ?? input.sparsity;
      const inner = knapsackRates(
        worthOf(similarity, magnitudes && own.map((k) => magnitudes[k] ?? 0)),
        own.map((k) => matrices[k]?.count ?? 0),
        target,
        rules,
      );
      own.forEach((k, at) => (rates[k] = inner?.[at] ?? target));
    }
    return { matrices: rates, facts };
  },
});

function blockMagnitudes(input: AllocationInput, magnitudes: readonly number[]): number[] {
  const matrices = matricesOf(input);
  return input.sizes.map(
    (size, layer) =>
      matrices.reduce((sum, m, k) => sum + (m.layer === layer ? m.count * (magnitudes[k] ?? 0) : 0), 0) /
      (size || 1),
  );
}

/** Independence of each item: omega_i = exp(-rho_i / mu_i) with rho and mu from row i of psi. */
export function independence(psi: readonly (readonly number[])[]): number[] {
  return psi.map((row) => Math.exp(-row.length * (1 - 1 / row.reduce((a, b) => a + b, 0))));
}

/**
 * Objective coefficients: c_i = mean of omega_i..omega_L, over the mean |W| of the item where magnitudes are given.
 */
export function worthOf(
  psi: readonly (readonly number[])[],
  magnitudes: readonly number[] | null = null,
): number[] {
  const omega = independence(psi);
  let sum = 0;
  const worth = new Array<number>(omega.length).fill(0);
  for (let i = omega.length - 1; i >= 0; i--) {
    sum += omega[i] ?? 0;
    worth[i] = sum / (omega.length - i) / (magnitudes?.[i] || 1);
  }
  return worth;
}

/**
 * Maximises the sum of worth * kept share under the budget (1 - S) * all weights, each kept share within its bounds: the
 * fractional knapsack is solved by filling up in order of worth per weight. null where all are worth the same per
 * weight.
 */
export function knapsackRates(
  worth: readonly number[],
  sizes: readonly number[],
  sparsity: number,
  { bound, grain }: { bound: number; grain: number },
): number[] | null {
  const density = worth.map((c, i) => c / (sizes[i] || 1));
  const top = Math.max(...density);
  if (!(top - Math.min(...density) > 1e-12 * top)) return null;
  const lo = Math.min(sparsity, Math.max(0.01, sparsity - bound));
  const hi = Math.max(sparsity, Math.min(0.99, sparsity + bound));
  const total = sizes.reduce((a, b) => a + b, 0);
  const rates = sizes.map(() => hi);
  let budget = (1 - sparsity) * total - (1 - hi) * total;
  const order = density.map((_, i) => i).sort((a, b) => (density[b] ?? 0) - (density[a] ?? 0) || a - b);
  for (const i of order) {
    const n = sizes[i] ?? 0;
    const raised = n > 0 ? Math.min(hi - lo, budget / n) : 0;
    rates[i] = hi - raised;
    budget -= raised * n;
  }
  return grain > 0 ? roundRates(rates, sizes, sparsity, { lo, hi, grain }) : rates;
}

/** Multiples of `grain`; the budget is then repaired by single steps where rounding moved a rate most. */
function roundRates(
  exact: readonly number[],
  sizes: readonly number[],
  sparsity: number,
  { lo, hi, grain }: { lo: number; hi: number; grain: number },
): number[] {
  // Half a step goes up, whatever the rounding of the formula.
  const steps = exact.map((rate) => Math.floor(rate / grain + 0.5 + 1e-9));
  const total = sizes.reduce((a, b) => a + b, 0);
  for (let tries = 0; tries < 100 * steps.length; tries++) {
    const missing = sparsity * total - steps.reduce((sum, k, i) => sum + k * grain * (sizes[i] ?? 0), 0);
    const sign = Math.sign(missing);
    let best = -1;
    let most = -Infinity;
    steps.forEach((k, i) => {
      const next = (k + sign) * grain;
      const residual = sign * ((exact[i] ?? 0) - k * grain);
      const helps = Math.abs(missing) > (grain * (sizes[i] ?? 0)) / 2 + 1e-9 * total;
      if (helps && next >= lo - 1e-12 && next <= hi + 1e-12 && residual > most) {
        most = residual;
        best = i;
      }
    });
    if (best < 0) break;
    steps[best] = (steps[best] ?? 0) + sign;
  }
  return steps.map((k) => Math.min(hi, Math.max(lo, k * grain)));
}
