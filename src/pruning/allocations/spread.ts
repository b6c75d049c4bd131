import type { PrunerParam } from '../pruners/define';

/** The lambda of `spreadByWorth`, under the name that an allocation gives it. */
export function spreadParam(name: string): PrunerParam {
  return {
    name,
    label: 'Lambda',
    help: 'Half the distance between the lowest and the highest rate.',
    type: 'number',
    min: 0,
    max: 0.5,
    init: 0.08,
  };
}

/**
 * Rates whose kept share rises linearly with `worth`, 2 * lambda wide, with plain mean S (OWL and DSA). null where all
 * layers are worth the same.
 */
export function spreadByWorth(worth: readonly number[], sparsity: number, lambda: number): number[] | null {
  const low = Math.min(...worth);
  const width = Math.max(...worth) - low;
  if (!(width > 0)) return null;
  const keep = worth.map((w) => ((w - low) / width) * 2 * lambda);
  const shift = 1 - sparsity - keep.reduce((a, b) => a + b, 0) / keep.length;
  return keep.map((k) => 1 - (k + shift));
}

/** Every layer the same. */
export function uniformRates(layers: number, sparsity: number): number[] {
  return new Array<number>(layers).fill(sparsity);
}
