/** OPT: LayerNorm before attention and MLP, ReLU, learned positions whose table begins with two unused rows. */
import type { Architecture } from './define';
import { PLAIN, plainMlp, preNorms, readSizes, refuse, sameBlocks, splitAttention } from './parts';
import { fixedHeads } from './smaller';

export const opt: Architecture = {
  modelType: 'opt',
  className: 'OPTForCausalLM',
  read(config) {
    const sizes = readSizes(config, {
      className: 'OPTForCausalLM',
      context: 2048,
      tied: true,
      activation: 'relu',
      keys: { inner: 'ffn_dim', activation: 'activation_function' },
    });
    const remedy = 'Use another OPT; only OPT-350m is built in this way.';
    config.mustBe('do_layer_norm_before', true, remedy);
    config.mustBe('_remove_final_layer_norm', false, remedy);
    config.mustBe('layer_norm_elementwise_affine', true);
    const projected = config.integer('word_embed_proj_dim', sizes.hidden, 1 << 20);
    if (projected !== sizes.hidden)
      refuse(
        `Embeddings of ${projected} projected to ${sizes.hidden} (word_embed_proj_dim) are not supported.`,
        remedy,
      );
    const bias = config.boolean('enable_bias', true);
    return {
      ...PLAIN,
      ...sizes,
      norm: { kind: 'layer', eps: 1e-5, offset: 0, bias: true },
      norms: preNorms(sizes.hidden),
      positions: { rows: sizes.context + 2, offset: 2 },
      ropes: [],
      blocks: sameBlocks(sizes.layers, { rope: null, window: null, attentionScale: sizes.headDim ** -0.5 }),
      matrices: [
        // Declared in this order.
        ...splitAttention(
          sizes,
          { qkv: bias, o: bias },
          {
            k: 'layers.{i}.self_attn.k_proj',
            v: 'layers.{i}.self_attn.v_proj',
            q: 'layers.{i}.self_attn.q_proj',
            o: 'layers.{i}.self_attn.out_proj',
          },
        ),
        ...plainMlp(sizes, { up: 'layers.{i}.fc1', down: 'layers.{i}.fc2' }, bias),
      ],
    };
  },
  smaller: fixedHeads('ffn_dim'),
  prefixes: ['model.decoder.', 'decoder.', ''],
  norms: { attnIn: 'layers.{i}.self_attn_layer_norm', mlpIn: 'layers.{i}.final_layer_norm' },
  finalNorm: 'final_layer_norm',
  embedding: 'embed_tokens.weight',
  positions: 'embed_positions.weight',
  heads: ['lm_head.weight'],
  ignorable: /\.decoder\.version$/,
};
