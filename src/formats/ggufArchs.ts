/**
 * How llama.cpp names and lays out each architecture that the lab opens, as data: the Hugging Face config from the
 * metadata, the Hugging Face tensor names, and the layouts of the tensors that its converter changes
 * (github.com/ggml-org/llama.cpp, conversion/, and the constants of its `gguf` Python package).
 */
import type { Layout } from './ggufLayout';
import type { GgufMeta } from './ggufMeta';
import { ropeScaling } from './ggufRope';

export interface GgufArch {
  modelType(meta: GgufMeta): string;
  architecture(meta: GgufMeta): string;
  /** Whole names outside the blocks. */
  names: Record<string, string>;
  /** Prefix of a block's tensors, `#` for its number, and stems inside it. */
  block: string;
  stems: Record<string, string>;
  /** Tensors that carry nothing the config does not say. */
  ignorable?: RegExp;
  config(meta: GgufMeta, extra: Extra): Record<string, unknown>;
  layout?(name: string, meta: GgufMeta): Layout;
}

/** Small tensors that decide config fields. */
export interface Extra {
  ropeFreqs: Float32Array | null;
  longFactors: Float32Array | null;
  shortFactors: Float32Array | null;
}

const SAME: Layout = { kind: 'same' };

/** Length of a head's keys and values. */
function headDim(meta: GgufMeta): number {
  const heads = meta.number('attention.head_count');
  const dim = meta.number('attention.key_length', meta.number('embedding_length') / heads);
  const values = meta.number('attention.value_length', dim);
  if (values !== dim) throw meta.refuse(`keys of length ${dim} and values of length ${values}`);
  return dim;
}

/** Dimensions that are rotated, as a share of the head. */
function rotaryShare(meta: GgufMeta): number {
  const dim = headDim(meta);
  return meta.number('rope.dimension_count', dim) / dim;
}

function has(meta: GgufMeta, stem: string): boolean {
  return meta.tensors.has(`blk.0.${stem}`);
}

const isHead = (meta: GgufMeta): boolean => meta.tensors.has('output.weight');

/** Fields that all of them share, apart from GPT-2's own names. */
function common(meta: GgufMeta, extra: Extra): Record<string, unknown> {
  return {
    hidden_size: meta.number('embedding_length'),
    intermediate_size: meta.number('feed_forward_length'),
    num_hidden_layers: meta.number('block_count'),
    num_attention_heads: meta.number('attention.head_count'),
    num_key_value_heads: meta.number('attention.head_count_kv', meta.number('attention.head_count')),
    max_position_embeddings: meta.number('context_length'),
    vocab_size: meta.rowsOf('token_embd.weight'),
    tie_word_embeddings: !isHead(meta),
    rope_theta: meta.number('rope.freq_base', 10000),
    rope_scaling: ropeScaling(meta, extra.ropeFreqs, meta.number('rope.dimension_count', headDim(meta))),
  };
}

function fullRotary(meta: GgufMeta): void {
  if (rotaryShare(meta) !== 1)
    throw meta.refuse(
      `rotary embedding of ${rotaryShare(meta) * headDim(meta)} of ${headDim(meta)} dimensions`,
    );
}

/** For classes whose config has no head_dim. */
function plainHeads(meta: GgufMeta): void {
  const plain = meta.number('embedding_length') / meta.number('attention.head_count');
  if (headDim(meta) !== plain)
    throw meta.refuse(`heads of length ${headDim(meta)}, where ${meta.arch} has ${plain}`);
}

function rmsModel(meta: GgufMeta, extra: Extra): Record<string, unknown> {
  fullRotary(meta);
  return {
    ...common(meta, extra),
    rms_norm_eps: meta.number('attention.layer_norm_rms_epsilon'),
    hidden_act: 'silu',
    attention_bias: false,
  };
}

const STEMS = {
  attn_norm: 'input_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  ffn_norm: 'post_attention_layernorm',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
};
const QK_NORMS = { attn_q_norm: 'self_attn.q_norm', attn_k_norm: 'self_attn.k_norm' };
const MODEL = {
  names: { token_embd: 'model.embed_tokens', output_norm: 'model.norm', output: 'lm_head' },
  block: 'model.layers.#.',
  stems: STEMS as Record<string, string>,
  ignorable: /^(rope_freqs\.weight|blk\.\d+\.attn_rot_embd\.weight)$/,
};

function define(
  modelType: string,
  architecture: string,
  arch: Pick<GgufArch, 'config'> & Partial<GgufArch>,
): GgufArch {
  return { ...MODEL, modelType: () => modelType, architecture: () => architecture, ...arch };
}

/** Rows of q and k, weights and biases, are in pairs where llama.cpp rotates neighbours. */
const pairedHeads = (name: string, meta: GgufMeta): Layout =>
  /\.attn_[qk]\.(weight|bias)$/.test(name) ? { kind: 'pairs', headRows: headDim(meta) } : SAME;

/** Mistral has LLaMA's architecture in GGUF, and a window where it has one. */
const windowOf = (meta: GgufMeta): number => meta.number('attention.sliding_window', 0);

const llama = define('llama', 'LlamaForCausalLM', {
  modelType: (meta) => (windowOf(meta) > 0 ? 'mistral' : 'llama'),
  architecture: (meta) => (windowOf(meta) > 0 ? 'MistralForCausalLM' : 'LlamaForCausalLM'),
  config: (meta, extra) => ({
    ...rmsModel(meta, extra),
    head_dim: headDim(meta),
    ...(windowOf(meta) > 0
      ? { sliding_window: windowOf(meta) }
      : { attention_bias: has(meta, 'attn_q.bias'), mlp_bias: has(meta, 'ffn_gate.bias') }),
  }),
  layout: pairedHeads,
});

const smollm3 = define('smollm3', 'SmolLM3ForCausalLM', {
  config: (meta, extra) => {
    plainHeads(meta);
    return {
      ...rmsModel(meta, extra),
      mlp_bias: false,
      use_sliding_window: false,
      sliding_window: null,
      // llama.cpp leaves every fourth layer without rotary embedding; the file does not say so.
      no_rope_layer_interval: 4,
      no_rope_layers: layers(meta, (i) => ((i + 1) % 4 === 0 ? 0 : 1)),
      layer_types: layers(meta, () => 'full_attention'),
    };
  },
  layout: pairedHeads,
});

const qwen2 = define('qwen2', 'Qwen2ForCausalLM', {
  config: (meta, extra) => {
    plainHeads(meta);
    // Qwen2 has biases on q, k and v, and no field that says so.
    const { attention_bias: _, ...fields } = rmsModel(meta, extra);
    return { ...fields, use_sliding_window: false };
  },
});

const qwen3 = define('qwen3', 'Qwen3ForCausalLM', {
  stems: { ...STEMS, ...QK_NORMS },
  config: (meta, extra) => ({
    ...rmsModel(meta, extra),
    head_dim: headDim(meta),
    attention_bias: has(meta, 'attn_q.bias'),
    use_sliding_window: false,
  }),
});

const plusOneNorms = (name: string): Layout => (name.endsWith('norm.weight') ? { kind: 'plusOne' } : SAME);

function gemmaModel(meta: GgufMeta, extra: Extra): Record<string, unknown> {
  return {
    ...rmsModel(meta, extra),
    head_dim: headDim(meta),
    hidden_act: 'gelu_pytorch_tanh',
    hidden_activation: 'gelu_pytorch_tanh',
  };
}

const gemma = define('gemma', 'GemmaForCausalLM', { config: gemmaModel, layout: plusOneNorms });

const GEMMA_STEMS = {
  ...STEMS,
  post_attention_norm: 'post_attention_layernorm',
  ffn_norm: 'pre_feedforward_layernorm',
  post_ffw_norm: 'post_feedforward_layernorm',
};

/** Not in the file: llama.cpp tells the 27B models by their number of layers. */
const attentionScalar = (meta: GgufMeta, layersOf27B: number): number =>
  meta.number('block_count') === layersOf27B
    ? meta.number('embedding_length') / meta.number('attention.head_count')
    : headDim(meta);

const gemma2 = define('gemma2', 'Gemma2ForCausalLM', {
  stems: GEMMA_STEMS,
  config: (meta, extra) => ({
    ...gemmaModel(meta, extra),
    attn_logit_softcapping: meta.number('attn_logit_softcapping', 50),
    final_logit_softcapping: meta.number('final_logit_softcapping', 30),
    query_pre_attn_scalar: attentionScalar(meta, 46),
    sliding_window: meta.number('attention.sliding_window', 4096),
    layer_types: layers(meta, (i) => (i % 2 === 0 ? 'sliding_attention' : 'full_attention')),
  }),
  layout: plusOneNorms,
});

const gemma3 = define('gemma3_text', 'Gemma3ForCausalLM', {
  stems: { ...GEMMA_STEMS, ...QK_NORMS },
  config(meta, extra) {
    const window = windowOf(meta);
    const softcap = meta.number('final_logit_softcapping', 0);
    const pattern = meta.number('attention.sliding_window_pattern', 6);
    return {
      ...gemmaModel(meta, extra),
      rope_theta: meta.number('rope.freq_base', 1_000_000),
      rope_local_base_freq: meta.number('rope.freq_base_swa', 10_000),
      query_pre_attn_scalar: attentionScalar(meta, 62),
      attn_logit_softcapping: null,
      final_logit_softcapping: softcap > 0 ? softcap : null,
      ...(window > 0 ? { sliding_window: window } : {}),
      layer_types: layers(meta, (i) =>
        window > 0 && (i + 1) % pattern !== 0 ? 'sliding_attention' : 'full_attention',
      ),
    };
  },
  layout: plusOneNorms,
});

const phi3 = define('phi3', 'Phi3ForCausalLM', {
  stems: {
    attn_norm: 'input_layernorm',
    attn_qkv: 'self_attn.qkv_proj',
    attn_output: 'self_attn.o_proj',
    ffn_norm: 'post_attention_layernorm',
    ffn_up: 'mlp.gate_up_proj',
    ffn_down: 'mlp.down_proj',
  },
  ignorable: /^rope_factors_(long|short)\.weight$/,
  config(meta, extra) {
    plainHeads(meta);
    const { longFactors: long, shortFactors: short } = extra;
    meta.number('rope.scaling.attn_factor', 1);
    const scaling =
      long && short ? { rope_type: 'longrope', long_factor: [...long], short_factor: [...short] } : null;
    const base = scaling ? { ...common(meta, extra), rope_scaling: scaling } : common(meta, extra);
    return {
      ...base,
      rms_norm_eps: meta.number('attention.layer_norm_rms_epsilon'),
      hidden_act: 'silu',
      partial_rotary_factor: rotaryShare(meta),
      original_max_position_embeddings: meta.number(
        'rope.scaling.original_context_length',
        meta.number('context_length'),
      ),
      sliding_window: windowOf(meta) > 0 ? windowOf(meta) : null,
    };
  },
});

const olmo2 = define('olmo2', 'Olmo2ForCausalLM', {
  stems: {
    ...STEMS,
    ...QK_NORMS,
    post_attention_norm: 'post_attention_layernorm',
    post_ffw_norm: 'post_feedforward_layernorm',
  },
  config(meta, extra) {
    plainHeads(meta);
    if (windowOf(meta) > 0) throw meta.refuse('OLMo 3 (OLMo 2 with a sliding window) is not supported');
    return rmsModel(meta, extra);
  },
});

const stablelm = define('stablelm', 'StableLmForCausalLM', {
  config(meta, extra) {
    plainHeads(meta);
    if (has(meta, 'attn_q_norm.weight')) throw meta.refuse('StableLM with a norm of its own for each head');
    // llama.cpp goes by the tensors here, and writes the field as true for all.
    meta.boolean('use_parallel_residual', true);
    return {
      ...common(meta, extra),
      layer_norm_eps: meta.number('attention.layer_norm_epsilon'),
      hidden_act: 'silu',
      use_qkv_bias: has(meta, 'attn_q.bias'),
      qk_layernorm: false,
      use_parallel_residual: !has(meta, 'ffn_norm.weight'),
      partial_rotary_factor: rotaryShare(meta),
    };
  },
});

const gpt2 = define('gpt2', 'GPT2LMHeadModel', {
  names: {
    token_embd: 'transformer.wte',
    position_embd: 'transformer.wpe',
    output_norm: 'transformer.ln_f',
    output: 'lm_head',
  },
  block: 'transformer.h.#.',
  stems: {
    attn_norm: 'ln_1',
    attn_qkv: 'attn.c_attn',
    attn_output: 'attn.c_proj',
    ffn_norm: 'ln_2',
    ffn_up: 'mlp.c_fc',
    ffn_down: 'mlp.c_proj',
  },
  config: (meta) => ({
    n_embd: meta.number('embedding_length'),
    n_inner: meta.number('feed_forward_length'),
    n_layer: meta.number('block_count'),
    n_head: meta.number('attention.head_count'),
    n_positions: meta.number('context_length'),
    n_ctx: meta.number('context_length'),
    vocab_size: meta.rowsOf('token_embd.weight'),
    layer_norm_epsilon: meta.number('attention.layer_norm_epsilon'),
    activation_function: 'gelu_new',
    tie_word_embeddings: !isHead(meta),
  }),
  layout: (name) =>
    /\.(attn_qkv|attn_output|ffn_up|ffn_down)\.weight$/.test(name) ? { kind: 'transposed' } : SAME,
});

const gptneox = define('gpt_neox', 'GPTNeoXForCausalLM', {
  names: { token_embd: 'gpt_neox.embed_in', output_norm: 'gpt_neox.final_layer_norm', output: 'lm_head' },
  block: 'gpt_neox.layers.#.',
  stems: {
    attn_norm: 'input_layernorm',
    attn_qkv: 'attention.query_key_value',
    attn_output: 'attention.dense',
    ffn_norm: 'post_attention_layernorm',
    ffn_up: 'mlp.dense_h_to_4h',
    ffn_down: 'mlp.dense_4h_to_h',
  },
  config(meta, extra) {
    plainHeads(meta);
    const { num_key_value_heads: _, rope_theta: theta, ...fields } = common(meta, extra);
    return {
      ...fields,
      rotary_emb_base: theta,
      rotary_pct: rotaryShare(meta),
      layer_norm_eps: meta.number('attention.layer_norm_epsilon'),
      hidden_act: 'gelu',
      attention_bias: has(meta, 'attn_qkv.bias'),
      use_parallel_residual: meta.boolean('use_parallel_residual', true),
    };
  },
  layout: (name, meta) =>
    /\.attn_qkv\.(weight|bias)$/.test(name)
      ? { kind: 'apart', heads: meta.number('attention.head_count') }
      : SAME,
});

function layers<T>(meta: GgufMeta, of: (index: number) => T): T[] {
  return Array.from({ length: Math.min(1024, meta.number('block_count')) }, (_, i) => of(i));
}

/** By general.architecture. */
export const GGUF_ARCHS: ReadonlyMap<string, GgufArch> = new Map([
  ['llama', llama],
  ['smollm3', smollm3],
  ['qwen2', qwen2],
  ['qwen3', qwen3],
  ['gemma', gemma],
  ['gemma2', gemma2],
  ['gemma3', gemma3],
  ['phi3', phi3],
  ['olmo2', olmo2],
  ['stablelm', stablelm],
  ['gpt2', gpt2],
  ['gptneox', gptneox],
]);
