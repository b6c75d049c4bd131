import type { Methods } from '../formats/modelCard';

/** What an export's model card says of its methods, in tests that do not look at it. */
export const METHODS: Methods = {
  pruner: { label: 'Wanda', help: 'Weight times input.', citation: 'Sun et al., arXiv 2306.11695' },
  allocation: { label: 'Uniform', help: 'The same everywhere.', citation: null },
  updates: false,
  needsInputs: true,
};
