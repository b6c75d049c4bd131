/** OLMo 2: norms after attention and MLP instead of before, and over the whole width of queries and keys. */
import type { Architecture } from './define';
import { readFamily } from './llama';
import { LLAMA_NAMES } from './parts';
import { ANY_HEADS } from './smaller';

export const olmo2: Architecture = {
  modelType: 'olmo2',
  className: 'Olmo2ForCausalLM',
  read(config) {
    const decoder = readFamily(config, {
      className: 'Olmo2ForCausalLM',
      context: 2048,
      tied: false,
      activation: 'silu',
      normEps: 1e-5,
      attentionBias: true,
    });
    const { hidden, heads, kvHeads, headDim } = decoder;
    return {
      ...decoder,
      norms: { attnOut: hidden, mlpOut: hidden, q: heads * headDim, k: kvHeads * headDim },
    };
  },
  ...LLAMA_NAMES,
  smaller: {
    ...ANY_HEADS,
    heads: () =>
      'queries and keys are normalised over all heads together, so that fewer would change the others',
  },
  norms: {
    attnOut: 'layers.{i}.post_attention_layernorm',
    mlpOut: 'layers.{i}.post_feedforward_layernorm',
    q: 'layers.{i}.self_attn.q_norm',
    k: 'layers.{i}.self_attn.k_norm',
  },
};
