/** StableLM: LayerNorm with bias, a quarter of each head turned, SwiGLU; attention and MLP may run in parallel. */
import type { Architecture } from './define';
import {
  gatedMlp,
  LLAMA_NAMES,
  PLAIN,
  preNorms,
  readEps,
  readRope,
  readSizes,
  sameBlocks,
  splitAttention,
} from './parts';
import { fixedHeads } from './smaller';

export const stablelm: Architecture = {
  modelType: 'stablelm',
  className: 'StableLmForCausalLM',
  read(config) {
    const sizes = readSizes(config, {
      className: 'StableLmForCausalLM',
      context: 4096,
      tied: false,
      kvHeads: 32,
      activation: 'silu',
    });
    config.mustBe('qk_layernorm', false, 'Use a StableLM without norms on single heads.');
    const parallel = config.boolean('use_parallel_residual', false);
    return {
      ...PLAIN,
      ...sizes,
      norm: { kind: 'layer', eps: readEps(config, 'layer_norm_eps', 1e-5), offset: 0, bias: true },
      // In parallel both branches read the same norm, and there is no second one.
      norms: parallel ? { attnIn: sizes.hidden } : preNorms(sizes.hidden),
      parallel,
      ropes: [readRope(config, { ...sizes, partial: 0.25 })],
      blocks: sameBlocks(sizes.layers, { rope: 0, window: null, attentionScale: sizes.headDim ** -0.5 }),
      matrices: [
        ...splitAttention(sizes, { qkv: config.boolean('use_qkv_bias', false), o: false }),
        ...gatedMlp(sizes),
      ],
    };
  },
  ...LLAMA_NAMES,
  smaller: fixedHeads(),
};
