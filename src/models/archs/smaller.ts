/** How the configs of transformers' classes say that heads or MLP channels are gone (checked with transformers 5). */
import type { SmallerRules } from './define';

/** `head_dim` is a key of its own: any number of heads can be said. */
export const ANY_HEADS: SmallerRules = { inner: 'intermediate_size', heads: () => null };

/** The same, but the class checks that the hidden width divides into the heads, whatever `head_dim` says. */
export const DIVIDING_HEADS: SmallerRules = {
  inner: 'intermediate_size',
  heads: ({ hidden, architecture }, heads) =>
    hidden % heads === 0
      ? null
      : `the config of ${architecture} is refused unless its ${hidden} channels divide by the ${heads} heads that stay`,
};

/** The size of a head follows from the hidden width and the number of heads. */
export function fixedHeads(inner = 'intermediate_size'): SmallerRules {
  return {
    inner,
    heads: ({ architecture }) =>
      `the config of ${architecture} has no size of a head of its own: it follows from the number of heads`,
  };
}
