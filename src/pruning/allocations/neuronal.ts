import type { PrunerParam } from '../pruners/define';
import { defineAllocation, factOf, matricesOf } from './define';
import { clampRates } from './postprocess';

export const NEURO_ROWS: PrunerParam = {
  name: 'neuroRows',
  label: 'Also by rows',
  help: 'Share each matrix out among its rows by how well the neurons that read them are aligned.',
  type: 'boolean',
  init: true,
};

export const NEURO_SEQUENCES: PrunerParam = {
  name: 'neuroSequences',
  label: 'Sequences',
  help: 'Calibration sequences on which candidates are compared.',
  type: 'number',
  integer: true,
  min: 1,
  max: 128,
  init: 8,
};

const CLAMP = { lo: 0.01, hi: 0.99 };

/** Spreads that are tried for the blocks. */
export function blockLambdas(sparsity: number): number[] {
  return [...LAMBDAS, ...(sparsity < 0.8 ? [0.25] : [])];
}
const LAMBDAS = [0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.09, 0.1, 0.12, 0.15, 0.2];

/** Spreads that are tried for the rows. */
export const ROW_LAMBDAS: readonly number[] = [0, ...LAMBDAS, 0.25];

/** Rates from S - lambda to S + lambda, rising with depth, clamped. */
export function linearRates(layers: number, sparsity: number, lambda: number): number[] {
  if (layers === 1) return [sparsity];
  const rates = Array.from({ length: layers }, (_, i) => sparsity - lambda + (2 * lambda * i) / (layers - 1));
  return clampRates(rates, CLAMP).rates;
}

/**
 * Zeros of each row of a matrix of `cols` inputs: rows of larger alignment keep more, 2 * lambda apart, centred on the
 * matrix's rate. null where lambda is 0 or all rows are aligned alike.
 */
export function rowZerosOf(
  alignment: ArrayLike<number>,
  rate: number,
  lambda: number,
  cols: number,
): Uint32Array<ArrayBuffer> | null {
  let low = Infinity;
  let high = -Infinity;
  let sum = 0;
  const rows = alignment.length;
  for (let r = 0; r < rows; r++) {
    const a = alignment[r] ?? 0;
    low = Math.min(low, a);
    high = Math.max(high, a);
    sum += a;
  }
  const width = high - low;
  if (!(width > 0) || lambda === 0) return null;
  const middle = (sum / rows - low) / width;
  const out = new Uint32Array(rows);
  for (let r = 0; r < rows; r++) {
    const keep = 1 - rate + (((alignment[r] ?? 0) - low) / width - middle) * 2 * lambda;
    const zeros = Math.min(CLAMP.hi, Math.max(CLAMP.lo, 1 - keep));
    out[r] = cols - Math.trunc((1 - zeros) * cols);
  }
  return out;
}

/** A linear rise whose slope aligns neurons best, then the same for the rows of each matrix (arXiv 2411.07066). */
export const neuronal = defineAllocation({
  id: 'neuronal',
  label: 'NEURONAL, by the alignment of neurons',
  help: 'Tries slopes and keeps the one under which the inputs of all matrices change least.',
  params: [NEURO_ROWS, NEURO_SEQUENCES],
  citation:
    'Cunegatti et al., Zeroth-Order Adaptive Neuron Alignment Based Pruning without Re-Training, arXiv 2411.07066',
  needs: ['neuronal'],
  clamp: CLAMP,
  allocate(input) {
    const { lambda, blocks, rows } = factOf(input, 'neuronal');
    const layers = linearRates(input.layers, input.sparsity, lambda);
    const facts = {
      'lambda of the blocks': [lambda],
      'lambdas tried': blocks.map((b) => b.lambda),
      'their scores': blocks.map((b) => b.score),
    };
    if (!rows) return { layers, facts };
    const matrices = matricesOf(input);
    const zeros = matrices.map(({ layer, cols }, k) => {
      const alignment = rows.alignment[k];
      return alignment ? rowZerosOf(alignment, layers[layer] ?? 0, rows.lambda, cols) : null;
    });
    return {
      layers,
      ...(zeros.some((z) => z !== null) ? { rowZeros: zeros } : {}),
      facts: {
        ...facts,
        'lambda of the rows': [rows.lambda],
        'row lambdas tried': rows.tried.map((t) => t.lambda),
        'row scores': rows.tried.map((t) => t.score),
      },
    };
  },
});
