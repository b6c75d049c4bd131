/** Gemma: LLaMA with norm weights 1 + w, embeddings scaled by sqrt(hidden), a gated GELU and a tied head. */
import type { Architecture } from './define';
import { readFamily } from './llama';
import { LLAMA_NAMES } from './parts';

export const gemma: Architecture = {
  modelType: 'gemma',
  className: 'GemmaForCausalLM',
  read(config) {
    const decoder = readFamily(config, {
      className: 'GemmaForCausalLM',
      context: 8192,
      tied: true,
      kvHeads: 16,
      headDim: 256,
      activation: 'gelu_pytorch_tanh',
      normEps: 1e-6,
      attentionBias: true,
    });
    config.mustBe('use_bidirectional_attention', false);
    return {
      ...decoder,
      norm: { ...decoder.norm, offset: 1 },
      embeddingScale: Math.sqrt(decoder.hidden),
      // The first releases say "gelu" and mean its tanh form, as the class of transformers knows.
      activation: decoder.activation === 'gelu' ? 'geluTanh' : decoder.activation,
    };
  },
  ...LLAMA_NAMES,
};
