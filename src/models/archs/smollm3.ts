/** SmolLM3: LLaMA in which every fourth layer knows no positions. */
import type { Architecture } from './define';
import { readFamily } from './llama';
import { LLAMA_NAMES, readRope, readWindow, slidingLayers } from './parts';

export const smollm3: Architecture = {
  modelType: 'smollm3',
  className: 'SmolLM3ForCausalLM',
  read(config) {
    const decoder = readFamily(config, {
      className: 'SmolLM3ForCausalLM',
      context: 32768,
      tied: true,
      kvHeads: 4,
      activation: 'silu',
      normEps: 1e-6,
      attentionBias: true,
      mlpBias: true,
    });
    const interval = config.integer('no_rope_layer_interval', 4, 1 << 20);
    const isFlag = (x: unknown): x is number => x === 0 || x === 1;
    // The list names the layers that do turn.
    const turns =
      config.list('no_rope_layers', decoder.layers, isFlag, 'zeros and ones') ??
      decoder.blocks.map((_, i) => Number((i + 1) % interval !== 0));
    const window = config.boolean('use_sliding_window', false)
      ? readWindow(config, 'sliding_window', null, decoder.context)
      : null;
    const sliding = slidingLayers(config, decoder.layers, (i) => window !== null && turns[i] === 0);
    return {
      ...decoder,
      ropes: [readRope(config, { ...decoder, theta: 2e6 })],
      blocks: decoder.blocks.map((block, i) => ({
        ...block,
        rope: turns[i] === 0 ? null : 0,
        window: sliding[i] ? window : null,
      })),
    };
  },
  ...LLAMA_NAMES,
};
