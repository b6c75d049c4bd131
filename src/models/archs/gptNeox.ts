/** GPT-NeoX (Pythia): LayerNorm, attention beside MLP, queries, keys and values of each head side by side in one matrix. */
import type { Architecture } from './define';
import { PLAIN, plainMlp, preNorms, readEps, readRope, readSizes, sameBlocks } from './parts';
import { fixedHeads } from './smaller';

export const gptNeox: Architecture = {
  modelType: 'gpt_neox',
  className: 'GPTNeoXForCausalLM',
  read(config) {
    const sizes = readSizes(config, {
      className: 'GPTNeoXForCausalLM',
      context: 2048,
      tied: false,
      activation: 'gelu',
    });
    const { hidden, heads, headDim } = sizes;
    const bias = config.boolean('attention_bias', true);
    const part = (name: string, place: number) => ({
      name,
      begin: place * headDim,
      block: headDim,
      stride: 3 * headDim,
      rows: heads * headDim,
    });
    return {
      ...PLAIN,
      ...sizes,
      norm: { kind: 'layer', eps: readEps(config, 'layer_norm_eps', 1e-5), offset: 0, bias: true },
      norms: preNorms(hidden),
      parallel: config.boolean('use_parallel_residual', true),
      ropes: [
        readRope(config, { ...sizes, partial: 0.25, partialKey: 'rotary_pct', thetaKey: 'rotary_emb_base' }),
      ],
      blocks: sameBlocks(sizes.layers, { rope: 0, window: null, attentionScale: headDim ** -0.5 }),
      matrices: [
        {
          name: 'qkv',
          stem: 'layers.{i}.attention.query_key_value',
          rows: 3 * heads * headDim,
          cols: hidden,
          input: 'attn',
          bias,
          transposed: false,
          parts: [part('q', 0), part('k', 1), part('v', 2)],
        },
        {
          name: 'o',
          stem: 'layers.{i}.attention.dense',
          rows: hidden,
          cols: heads * headDim,
          input: 'o',
          bias,
          transposed: false,
        },
        ...plainMlp(
          sizes,
          { up: 'layers.{i}.mlp.dense_h_to_4h', down: 'layers.{i}.mlp.dense_4h_to_h' },
          true,
        ),
      ],
    };
  },
  smaller: fixedHeads(),
  prefixes: ['gpt_neox.', ''],
  norms: { attnIn: 'layers.{i}.input_layernorm', mlpIn: 'layers.{i}.post_attention_layernorm' },
  finalNorm: 'final_layer_norm',
  embedding: 'embed_in.weight',
  heads: ['embed_out.weight', 'lm_head.weight'],
  ignorable: /(rotary_emb\.inv_freq|attention\.(bias|masked_bias))$/,
};
