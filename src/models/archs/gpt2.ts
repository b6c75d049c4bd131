/** GPT-2: LayerNorm, learned positions, matrices stored [inputs, outputs], queries, keys and values in one of them. */
import type { Architecture } from './define';
import { consecutiveParts, PLAIN, plainMlp, preNorms, readEps, readSizes } from './parts';
import { fixedHeads } from './smaller';

export const gpt2: Architecture = {
  modelType: 'gpt2',
  className: 'GPT2LMHeadModel',
  read(config) {
    const sizes = readSizes(config, {
      className: 'GPT2LMHeadModel',
      context: 1024,
      tied: true,
      activation: 'gelu_new',
      innerTimes: 4,
      keys: {
        hidden: 'n_embd',
        layers: 'n_layer',
        heads: 'n_head',
        inner: 'n_inner',
        context: 'n_positions',
        activation: 'activation_function',
      },
    });
    config.mustBe('add_cross_attention', false);
    const { hidden, layers } = sizes;
    const scale = config.boolean('scale_attn_weights', true) ? sizes.headDim ** -0.5 : 1;
    const byLayer = config.boolean('scale_attn_by_inverse_layer_idx', false);
    return {
      ...PLAIN,
      ...sizes,
      norm: { kind: 'layer', eps: readEps(config, 'layer_norm_epsilon', 1e-5), offset: 0, bias: true },
      norms: preNorms(hidden),
      positions: { rows: sizes.context, offset: 0 },
      ropes: [],
      blocks: Array.from({ length: layers }, (_, i) => ({
        rope: null,
        window: null,
        attentionScale: byLayer ? scale / (i + 1) : scale,
      })),
      matrices: [
        {
          name: 'qkv',
          stem: 'h.{i}.attn.c_attn',
          rows: 3 * hidden,
          cols: hidden,
          input: 'attn',
          bias: true,
          transposed: true,
          parts: consecutiveParts([
            ['q', hidden],
            ['k', hidden],
            ['v', hidden],
          ]),
        },
        {
          name: 'o',
          stem: 'h.{i}.attn.c_proj',
          rows: hidden,
          cols: hidden,
          input: 'o',
          bias: true,
          transposed: true,
        },
        ...plainMlp(sizes, { up: 'h.{i}.mlp.c_fc', down: 'h.{i}.mlp.c_proj' }, true, true),
      ],
    };
  },
  smaller: fixedHeads('n_inner'),
  prefixes: ['transformer.', ''],
  norms: { attnIn: 'h.{i}.ln_1', mlpIn: 'h.{i}.ln_2' },
  finalNorm: 'ln_f',
  embedding: 'wte.weight',
  positions: 'wpe.weight',
  heads: ['lm_head.weight'],
  // The causal mask, which older files carry.
  ignorable: /\.attn\.(bias|masked_bias)$/,
};
