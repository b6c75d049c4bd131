/** Qwen3: LLaMA with an RMSNorm on each head's queries and keys. */
import type { Architecture } from './define';
import { readFamily } from './llama';
import { LLAMA_NAMES } from './parts';
import { qwenWindows } from './qwen2';

export const qwen3: Architecture = {
  modelType: 'qwen3',
  className: 'Qwen3ForCausalLM',
  read(config) {
    const decoder = readFamily(config, {
      className: 'Qwen3ForCausalLM',
      context: 32768,
      tied: false,
      kvHeads: 32,
      headDim: 128,
      activation: 'silu',
      normEps: 1e-6,
      attentionBias: true,
    });
    return qwenWindows(config, {
      ...decoder,
      norms: { ...decoder.norms, q: decoder.headDim, k: decoder.headDim },
    });
  },
  ...LLAMA_NAMES,
  norms: { ...LLAMA_NAMES.norms, q: 'layers.{i}.self_attn.q_norm', k: 'layers.{i}.self_attn.k_norm' },
};
