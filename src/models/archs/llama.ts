/** LLaMA: RMSNorm before attention and MLP, rotary embedding, grouped-query attention, SwiGLU. */
import type { ConfigReader } from './configReader';
import type { Architecture, DecoderConfig } from './define';
import {
  contextOf,
  gatedMlp,
  LLAMA_NAMES,
  PLAIN,
  preNorms,
  readEps,
  readRope,
  readSizes,
  sameBlocks,
  splitAttention,
  type SizeRules,
} from './parts';
import { DIVIDING_HEADS } from './smaller';

interface FamilyRules extends SizeRules {
  normEps: number;
  /** Keys of biases that the class looks at; others are none. */
  attentionBias?: boolean;
  mlpBias?: boolean;
}

/** What LLaMA and the models closest to it have in common. */
export function readFamily(config: ConfigReader, rules: FamilyRules): DecoderConfig {
  const sizes = readSizes(config, rules);
  const bias = (rules.attentionBias ?? false) && config.boolean('attention_bias', false);
  const rope = readRope(config, sizes);
  return {
    ...PLAIN,
    ...sizes,
    ...contextOf(rope, sizes.context),
    norm: { kind: 'rms', eps: readEps(config, 'rms_norm_eps', rules.normEps), offset: 0, bias: false },
    norms: preNorms(sizes.hidden),
    ropes: [rope],
    blocks: sameBlocks(sizes.layers, { rope: 0, window: null, attentionScale: sizes.headDim ** -0.5 }),
    matrices: [
      ...splitAttention(sizes, { qkv: bias, o: bias }),
      ...gatedMlp(sizes, (rules.mlpBias ?? false) && config.boolean('mlp_bias', false)),
    ],
  };
}

export const llama: Architecture = {
  modelType: 'llama',
  className: 'LlamaForCausalLM',
  read: (config) =>
    readFamily(config, {
      className: 'LlamaForCausalLM',
      context: 2048,
      tied: false,
      activation: 'silu',
      normEps: 1e-6,
      attentionBias: true,
      mlpBias: true,
    }),
  ...LLAMA_NAMES,
  smaller: DIVIDING_HEADS,
};
