/** Gemma 2: norms around attention and MLP, soft caps on scores and logits, every other layer with a window. */
import type { ConfigReader } from './configReader';
import type { Architecture, DecoderConfig } from './define';
import { readFamily } from './llama';
import { LLAMA_NAMES, readCap, readWindow, slidingLayers } from './parts';
import { DIVIDING_HEADS } from './smaller';

/** What Gemma 2 and 3 share. `sliding`: the class's rule where the config holds no layer types. */
export function readGemma(
  config: ConfigReader,
  rules: {
    className: string;
    context: number;
    attentionCap: number | null;
    logitCap: number | null;
    sliding: (layer: number) => boolean;
  },
): { decoder: DecoderConfig; sliding: boolean[] } {
  const base = readFamily(config, {
    className: rules.className,
    context: rules.context,
    tied: true,
    kvHeads: 4,
    headDim: 256,
    activation: 'gelu_pytorch_tanh',
    keys: { activation: 'hidden_activation' },
    normEps: 1e-6,
    attentionBias: true,
  });
  config.mustBe('use_bidirectional_attention', false);
  const { hidden } = base;
  const window = readWindow(config, 'sliding_window', 4096, base.context);
  const sliding = slidingLayers(config, base.layers, rules.sliding);
  const attentionScale = config.positive('query_pre_attn_scalar', 256) ** -0.5;
  return {
    sliding,
    decoder: {
      ...base,
      norm: { ...base.norm, offset: 1 },
      norms: { attnIn: hidden, attnOut: hidden, mlpIn: hidden, mlpOut: hidden },
      embeddingScale: Math.sqrt(hidden),
      attentionSoftcap: readCap(config, 'attn_logit_softcapping', rules.attentionCap),
      logitSoftcap: readCap(config, 'final_logit_softcapping', rules.logitCap),
      blocks: sliding.map((slides) => ({ rope: 0, window: slides ? window : null, attentionScale })),
    },
  };
}

export const GEMMA_NORMS = {
  attnIn: 'layers.{i}.input_layernorm',
  attnOut: 'layers.{i}.post_attention_layernorm',
  mlpIn: 'layers.{i}.pre_feedforward_layernorm',
  mlpOut: 'layers.{i}.post_feedforward_layernorm',
};

export const gemma2: Architecture = {
  modelType: 'gemma2',
  className: 'Gemma2ForCausalLM',
  read: (config) =>
    readGemma(config, {
      className: 'Gemma2ForCausalLM',
      context: 8192,
      attentionCap: 50,
      logitCap: 30,
      sliding: (i) => i % 2 === 0,
    }).decoder,
  ...LLAMA_NAMES,
  smaller: DIVIDING_HEADS,
  norms: GEMMA_NORMS,
};
