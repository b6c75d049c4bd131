/** Gemma 3, text: Gemma 2 with a norm on queries and keys instead of caps, and rotary settings of their own for windows. */
import type { Architecture } from './define';
import { GEMMA_NORMS, readGemma } from './gemma2';
import { LLAMA_NAMES, readRope } from './parts';
import { DIVIDING_HEADS } from './smaller';

export const gemma3: Architecture = {
  modelType: 'gemma3_text',
  className: 'Gemma3ForCausalLM',
  read(config) {
    const pattern = config.integer('sliding_window_pattern', 6, 1 << 20);
    const { decoder, sliding } = readGemma(config, {
      className: 'Gemma3ForCausalLM',
      context: 131072,
      attentionCap: null,
      logitCap: null,
      sliding: (i) => (i + 1) % pattern !== 0,
    });
    const { headDim, context } = decoder;
    const full = readRope(config, { headDim, context, theta: 1e6, layerType: 'full_attention' });
    // Local layers know no scaling; older files name their base apart.
    const local = config.object('rope_parameters')?.has('sliding_attention')
      ? readRope(config, { headDim, context, theta: 1e4, layerType: 'sliding_attention' })
      : {
          theta: config.positive('rope_local_base_freq', 1e4),
          dim: headDim,
          scaling: { kind: 'default' as const },
          attentionFactor: 1,
        };
    return {
      ...decoder,
      // The class has the field from Gemma 2 and does not use it.
      attentionSoftcap: 0,
      norms: { ...decoder.norms, q: headDim, k: headDim },
      ropes: [full, local],
      blocks: decoder.blocks.map((block, i) => ({ ...block, rope: sliding[i] ? 1 : 0 })),
    };
  },
  ...LLAMA_NAMES,
  smaller: DIVIDING_HEADS,
  norms: { ...GEMMA_NORMS, q: 'layers.{i}.self_attn.q_norm', k: 'layers.{i}.self_attn.k_norm' },
};
