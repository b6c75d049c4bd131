/** Methods that work by matrix, and the choice of handing on block means instead. */
import type { PrunerParam } from '../pruners/define';
import { matricesOf, type AllocationInput, type RawAllocation } from './define';
import { blockMeans } from './postprocess';

export const PER: PrunerParam = {
  name: 'per',
  label: 'One rate per',
  help: 'Whether each matrix gets its own rate, or all of a block their mean.',
  type: 'choice',
  choices: ['matrix', 'block'],
  init: 'matrix',
};

/** `rates` of all matrices, or their weighted mean in each block. */
export function ratesPer(input: AllocationInput, rates: number[]): RawAllocation {
  if ((input.params[PER.name] ?? PER.init) === 'matrix') return { matrices: rates };
  return { layers: blockMeans(rates, matricesOf(input), input.layers) };
}
