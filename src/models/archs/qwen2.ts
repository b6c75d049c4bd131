/** Qwen2: LLaMA with biases on queries, keys and values; upper layers may have a sliding window. */
import type { ConfigReader } from './configReader';
import type { Architecture, DecoderConfig } from './define';
import { readFamily } from './llama';
import { LLAMA_NAMES, readWindow, slidingLayers, splitAttention } from './parts';

/** The rule that Qwen2 and Qwen3 share: a window above `max_window_layers`, if it is switched on. */
export function qwenWindows(config: ConfigReader, decoder: DecoderConfig): DecoderConfig {
  const window = config.boolean('use_sliding_window', false)
    ? readWindow(config, 'sliding_window', 4096, decoder.context)
    : null;
  const from = config.integer('max_window_layers', 28, 1 << 20, 0);
  const sliding = slidingLayers(config, decoder.layers, (i) => i >= from);
  return {
    ...decoder,
    blocks: decoder.blocks.map((block, i) => ({ ...block, window: sliding[i] ? window : null })),
  };
}

export const qwen2: Architecture = {
  modelType: 'qwen2',
  className: 'Qwen2ForCausalLM',
  read(config) {
    const decoder = readFamily(config, {
      className: 'Qwen2ForCausalLM',
      context: 32768,
      tied: false,
      kvHeads: 32,
      activation: 'silu',
      normEps: 1e-6,
    });
    return qwenWindows(config, {
      ...decoder,
      matrices: [...splitAttention(decoder, { qkv: true, o: false }), ...decoder.matrices.slice(4)],
    });
  },
  ...LLAMA_NAMES,
};
