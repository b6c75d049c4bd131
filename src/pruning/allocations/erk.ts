import { defineAllocation, matricesOf } from './define';
import { erdosRenyi } from './er';
import { PER, ratesPer } from './per';

/** ER with the sizes of convolution kernels (RigL, arXiv 1911.11134); a linear layer has none, so it equals ER. */
export const erk = defineAllocation({
  id: 'erk',
  label: 'ERK, by shape and kernel size',
  help: 'ER with kernel sizes; linear layers have none, so here it gives the rates of ER.',
  params: [PER],
  citation: 'Evci et al., Rigging the Lottery: Making All Tickets Winners, arXiv 1911.11134',
  allocate(input) {
    const rates = erdosRenyi(matricesOf(input), input.sparsity);
    return ratesPer(input, rates ?? []);
  },
});
