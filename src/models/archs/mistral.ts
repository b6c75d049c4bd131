/** Mistral: LLaMA with a sliding window in every layer. */
import type { Architecture } from './define';
import { readFamily } from './llama';
import { LLAMA_NAMES, readWindow } from './parts';

export const mistral: Architecture = {
  modelType: 'mistral',
  className: 'MistralForCausalLM',
  read(config) {
    const decoder = readFamily(config, {
      className: 'MistralForCausalLM',
      context: 131072,
      tied: false,
      kvHeads: 8,
      activation: 'silu',
      normEps: 1e-6,
    });
    // Where the key is absent the class's own window is 4096; null switches it off.
    const window = readWindow(config, 'sliding_window', 4096, decoder.context);
    return { ...decoder, blocks: decoder.blocks.map((block) => ({ ...block, window })) };
  },
  ...LLAMA_NAMES,
};
