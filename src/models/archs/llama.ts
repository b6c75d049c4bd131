/** The LLaMA family: RMSNorm before attention and MLP, rotary embedding, grouped-query attention, SwiGLU. */
import { LabError } from '../../core/errors';
import type { Architecture, ConfigReader, DecoderConfig, MatrixName, RopeScaling } from './define';

const MAX_LAYERS = 1024;
const MAX_WIDTH = 1 << 20;
const MAX_VOCABULARY = 1 << 22;
const MAX_CONTEXT = 1 << 24;

function refuse(what: string, remedy = 'Choose another model.'): never {
  throw new LabError('ModelError', what, remedy);
}

/** Both layouts: `rope_scaling` beside `rope_theta`, and `rope_parameters` with the theta inside. */
function readRope(config: ConfigReader): { ropeTheta: number; ropeScaling: RopeScaling } {
  const parameters = config.object('rope_parameters');
  const scaling = parameters ?? config.object('rope_scaling');
  const ropeTheta = parameters?.has('rope_theta')
    ? parameters.number('rope_theta', undefined)
    : config.number('rope_theta', 10000);
  if (!(ropeTheta > 0))
    throw new LabError('FormatError', `config.json: rope_theta must be above 0, not ${ropeTheta}.`);
  const kind = scaling ? scaling.string('rope_type', scaling.string('type', 'default')) : 'default';
  if (!scaling || kind === 'default') return { ropeTheta, ropeScaling: { kind: 'default' } };
  if (kind === 'linear') return { ropeTheta, ropeScaling: { kind, factor: scaling.positive('factor') } };
  if (kind === 'llama3') {
    const ropeScaling: RopeScaling = {
      kind,
      factor: scaling.positive('factor'),
      lowFreqFactor: scaling.positive('low_freq_factor'),
      highFreqFactor: scaling.positive('high_freq_factor'),
      originalContext: scaling.integer('original_max_position_embeddings', undefined, MAX_CONTEXT),
    };
    if (ropeScaling.highFreqFactor <= ropeScaling.lowFreqFactor) {
      throw new LabError('FormatError', 'config.json: high_freq_factor must be above low_freq_factor.');
    }
    return { ropeTheta, ropeScaling };
  }
  return refuse(`Rotary scaling "${kind}" is not supported yet; "default", "linear" and "llama3" are.`);
}

function readLlama(
  config: ConfigReader,
  modelType: string,
  defaults: { context: number; kvHeads?: number },
): DecoderConfig {
  const hidden = config.integer('hidden_size', undefined, MAX_WIDTH);
  const heads = config.integer('num_attention_heads', undefined, 4096);
  // Null means one per head in every class of the family; a missing key means the class's own default.
  const kvHeads = config.integer(
    'num_key_value_heads',
    config.mentions('num_key_value_heads') ? heads : (defaults.kvHeads ?? heads),
    heads,
  );
  const headDim = config.integer('head_dim', Math.floor(hidden / heads), 4096);
  if (heads % kvHeads !== 0)
    throw new LabError(
      'FormatError',
      `config.json: ${heads} attention heads do not divide into ${kvHeads} key/value heads.`,
    );
  if (headDim % 2 !== 0) refuse(`head_dim ${headDim} is odd; rotary embedding needs an even one.`);
  const activation = config.string('hidden_act', 'silu');
  if (activation !== 'silu' && activation !== 'swish')
    refuse(`Activation "${activation}" is not supported in the LLaMA family; "silu" is.`);
  if (config.has('quantization_config'))
    refuse(
      'The weights are quantised (quantization_config); the lab prunes F32, F16 and BF16 weights.',
      'Use the unquantised model.',
    );
  if (config.number('partial_rotary_factor', 1) !== 1)
    refuse('partial_rotary_factor other than 1 is not supported in the LLaMA family.');
  return {
    modelType,
    architecture: config.firstString('architectures') ?? `${modelType} (no architecture named)`,
    layers: config.integer('num_hidden_layers', undefined, MAX_LAYERS),
    hidden,
    heads,
    kvHeads,
    headDim,
    inner: config.integer('intermediate_size', undefined, MAX_WIDTH),
    vocabulary: config.integer('vocab_size', undefined, MAX_VOCABULARY),
    context: config.integer('max_position_embeddings', defaults.context, MAX_CONTEXT),
    normEps: readEps(config),
    tiedHead: config.boolean('tie_word_embeddings', false),
    attentionBias: config.boolean('attention_bias', false),
    mlpBias: config.boolean('mlp_bias', false),
    ...readRope(config),
  };
}

function readEps(config: ConfigReader): number {
  const eps = config.number('rms_norm_eps', 1e-6);
  if (!(eps >= 0 && eps <= 1))
    throw new LabError('FormatError', `config.json: rms_norm_eps must be from 0 to 1, not ${eps}.`);
  return eps;
}

const NAMES: Record<MatrixName, string> = {
  q: 'self_attn.q_proj',
  k: 'self_attn.k_proj',
  v: 'self_attn.v_proj',
  o: 'self_attn.o_proj',
  gate: 'mlp.gate_proj',
  up: 'mlp.up_proj',
  down: 'mlp.down_proj',
};

const tensorNames = {
  matrixName: (layer: number, matrix: MatrixName) => `layers.${layer}.${NAMES[matrix]}`,
  normName: (layer: number, which: 'input' | 'post') =>
    `layers.${layer}.${which === 'input' ? 'input_layernorm' : 'post_attention_layernorm'}.weight`,
  finalNorm: 'norm.weight',
  embedding: 'embed_tokens.weight',
  head: 'lm_head.weight',
  ignorable: /rotary_emb\.inv_freq$/,
};

export const llama: Architecture = {
  modelType: 'llama',
  read: (config) => readLlama(config, 'llama', { context: 2048 }),
  ...tensorNames,
};

export const mistral: Architecture = {
  modelType: 'mistral',
  read(config) {
    const decoder = readLlama(config, 'mistral', { context: 131072, kvHeads: 8 });
    // MistralConfig's own default, where the key is absent, is 4096; null switches it off.
    const window = config.has('sliding_window')
      ? config.integer('sliding_window', undefined, MAX_CONTEXT)
      : config.mentions('sliding_window')
        ? null
        : 4096;
    if (window !== null && window < decoder.context) {
      refuse(
        `Sliding-window attention (window ${window} in a context of ${decoder.context}) is not supported yet.`,
        'Use a Mistral-type model whose sliding_window is null.',
      );
    }
    return { ...decoder, attentionBias: false, mlpBias: false };
  },
  ...tensorNames,
};
