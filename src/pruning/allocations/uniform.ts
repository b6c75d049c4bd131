import { defineAllocation } from './define';

/** The same rate in every layer: s_i = S. The control of every comparison. */
export const uniform = defineAllocation({
  id: 'uniform',
  label: 'Uniform, the same in every layer',
  help: 'Every layer loses the same share of its weights.',
  allocate: ({ layers, sparsity }) => new Array<number>(layers).fill(sparsity),
});
