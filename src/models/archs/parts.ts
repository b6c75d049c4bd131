/** What the descriptions of architectures share: sizes, rotary settings, layer types, the usual matrices. */
import { LabError } from '../../core/errors';
import type { ConfigReader } from './configReader';
import type {
  Activation,
  BlockSpec,
  DecoderConfig,
  MatrixPart,
  MatrixSpec,
  NormSlot,
  Rope,
  RopeScaling,
} from './define';
import { ANY_HEADS } from './smaller';

const MAX_LAYERS = 1024;
export const MAX_WIDTH = 1 << 20;
const MAX_VOCABULARY = 1 << 22;
export const MAX_CONTEXT = 1 << 24;

export function refuse(what: string, remedy = 'Choose another model.'): never {
  throw new LabError('ModelError', what, remedy);
}

/** The class's own defaults for keys that a config leaves out, and the names of keys where they are not the usual ones. */
export interface SizeRules {
  className: string;
  context: number;
  tied: boolean;
  /** Key/value heads where the key is missing; one per head without it. */
  kvHeads?: number;
  headDim?: number;
  activation: string;
  keys?: Partial<Record<'hidden' | 'layers' | 'heads' | 'inner' | 'context' | 'activation', string>>;
  /** MLP width where the config gives none, as a multiple of the hidden width. */
  innerTimes?: number;
}

export type Sizes = Pick<
  DecoderConfig,
  | 'modelType'
  | 'architecture'
  | 'layers'
  | 'hidden'
  | 'heads'
  | 'kvHeads'
  | 'headDim'
  | 'inner'
  | 'vocabulary'
  | 'context'
  | 'cachedContext'
  | 'tiedHead'
  | 'activation'
>;

export function readSizes(config: ConfigReader, rules: SizeRules): Sizes {
  const { keys = {} } = rules;
  const hidden = config.integer(keys.hidden ?? 'hidden_size', undefined, MAX_WIDTH);
  const heads = config.integer(keys.heads ?? 'num_attention_heads', undefined, 4096);
  // Null means one per head in every class; a missing key means the class's own default.
  const kvHeads = config.integer(
    'num_key_value_heads',
    config.mentions('num_key_value_heads') ? heads : Math.min(rules.kvHeads ?? heads, MAX_WIDTH),
    heads,
  );
  if (heads % kvHeads !== 0)
    throw new LabError(
      'FormatError',
      `config.json: ${heads} attention heads do not divide into ${kvHeads} key/value heads.`,
    );
  const headDim = config.integer('head_dim', rules.headDim ?? Math.floor(hidden / heads), 4096);
  const innerKey = keys.inner ?? 'intermediate_size';
  const context = config.integer(keys.context ?? 'max_position_embeddings', rules.context, MAX_CONTEXT);
  return {
    modelType: config.string('model_type', ''),
    architecture: config.firstString('architectures') ?? rules.className,
    layers: config.integer(keys.layers ?? 'num_hidden_layers', undefined, MAX_LAYERS),
    hidden,
    heads,
    kvHeads,
    headDim,
    inner: config.integer(innerKey, rules.innerTimes ? rules.innerTimes * hidden : undefined, MAX_WIDTH),
    vocabulary: config.integer('vocab_size', undefined, MAX_VOCABULARY),
    context,
    cachedContext: context,
    tiedHead: config.boolean('tie_word_embeddings', rules.tied),
    activation: readActivation(config.string(keys.activation ?? 'hidden_act', rules.activation)),
  };
}

const ACTIVATIONS: Record<string, Activation> = {
  silu: 'silu',
  swish: 'silu',
  gelu: 'gelu',
  gelu_python: 'gelu',
  gelu_new: 'geluTanh',
  gelu_fast: 'geluTanh',
  gelu_pytorch_tanh: 'geluTanh',
  relu: 'relu',
};

export function readActivation(name: string): Activation {
  const found = Object.hasOwn(ACTIVATIONS, name) ? ACTIVATIONS[name] : undefined;
  if (!found) refuse(`Activation "${name}" is not supported; ${Object.keys(ACTIVATIONS).join(', ')} are.`);
  return found;
}

/** Epsilon of a norm, from 0 to 1. */
export function readEps(config: ConfigReader, key: string, fallback: number): number {
  const eps = config.number(key, fallback);
  if (!(eps >= 0 && eps <= 1))
    throw new LabError('FormatError', `config.json: ${key} must be from 0 to 1, not ${eps}.`);
  return eps;
}

/** A soft cap: above 0, or 0 where the config has none. */
export function readCap(config: ConfigReader, key: string, fallback: number | null): number {
  if (!config.has(key)) return config.mentions(key) ? 0 : (fallback ?? 0);
  return config.positive(key);
}

interface RopeRules {
  headDim: number;
  context: number;
  theta?: number;
  /** Share of a head that is turned, where the config does not say. */
  partial?: number;
  thetaKey?: string;
  partialKey?: string;
  /** Settings of one kind of layer, where the config holds them apart. */
  layerType?: string;
}

/** Both layouts: `rope_scaling` beside `rope_theta`, and `rope_parameters` with the theta inside. */
export function readRope(config: ConfigReader, rules: RopeRules): Rope {
  const all = config.object('rope_parameters') ?? config.object('rope_scaling');
  const given = (rules.layerType && all?.has(rules.layerType) ? all.object(rules.layerType) : null) ?? all;
  const thetaKey = rules.thetaKey ?? 'rope_theta';
  const theta = given?.has('rope_theta')
    ? given.number('rope_theta', undefined)
    : config.number(thetaKey, rules.theta ?? 10000);
  if (!(theta > 0))
    throw new LabError('FormatError', `config.json: ${thetaKey} must be above 0, not ${theta}.`);
  const partial = given?.has('partial_rotary_factor')
    ? given.number('partial_rotary_factor', undefined)
    : config.number(rules.partialKey ?? 'partial_rotary_factor', rules.partial ?? 1);
  const dim = Math.trunc(rules.headDim * partial);
  if (!(dim >= 2 && dim <= rules.headDim && dim % 2 === 0))
    refuse(
      `Rotary embedding of ${dim} of ${rules.headDim} channels of a head is not supported; an even number is.`,
    );
  const kind = given ? given.string('rope_type', given.string('type', 'default')) : 'default';
  return { theta, dim, ...readScaling(config, given, kind, dim, rules.context, theta) };
}

function readScaling(
  config: ConfigReader,
  given: ConfigReader | null,
  kind: string,
  dim: number,
  context: number,
  theta: number,
): { scaling: RopeScaling; attentionFactor: number } {
  const plain = (scaling: RopeScaling): { scaling: RopeScaling; attentionFactor: number } => ({
    scaling,
    attentionFactor: 1,
  });
  if (!given || kind === 'default') return plain({ kind: 'default' });
  const original = (): number =>
    config.integer(
      'original_max_position_embeddings',
      given.integer('original_max_position_embeddings', context, MAX_CONTEXT),
      MAX_CONTEXT,
    );
  switch (kind) {
    case 'linear':
      return plain({ kind, factor: given.positive('factor') });
    case 'dynamic':
      if (dim === 2) refuse('Dynamic rotary scaling of 2 channels is not defined.');
      return plain({ kind, factor: given.positive('factor'), originalContext: context });
    case 'llama3': {
      const scaling = {
        kind,
        factor: given.positive('factor'),
        lowFreqFactor: given.positive('low_freq_factor'),
        highFreqFactor: given.positive('high_freq_factor'),
        originalContext: original(),
      } as const;
      if (scaling.highFreqFactor <= scaling.lowFreqFactor)
        throw new LabError('FormatError', 'config.json: high_freq_factor must be above low_freq_factor.');
      return plain(scaling);
    }
    case 'yarn': {
      if (theta === 1) refuse('YaRN with rope_theta 1 is not defined.');
      const originalContext = original();
      const factor = given.positive('factor', context / originalContext);
      const scaling = {
        kind,
        factor,
        betaFast: given.positive('beta_fast', 32),
        betaSlow: given.positive('beta_slow', 1),
        originalContext,
        truncate: given.boolean('truncate', true),
      } as const;
      const [mscale, all] = [given.number('mscale', 0), given.number('mscale_all_dim', 0)];
      const grown = (m: number): number => (factor <= 1 ? 1 : 0.1 * m * Math.log(factor) + 1);
      return {
        scaling,
        attentionFactor: given.positive(
          'attention_factor',
          mscale && all ? grown(mscale) / grown(all) : grown(1),
        ),
      };
    }
    case 'longrope':
    case 'su': {
      const originalContext = original();
      const factor = given.positive('factor', context / originalContext);
      const isDivisor = (x: unknown): x is number => typeof x === 'number' && x > 0 && Number.isFinite(x);
      const factors = (name: string): number[] => {
        const list = given.list(name, dim / 2, isDivisor, 'numbers above 0');
        if (!list) throw new LabError('FormatError', `config.json: rope_scaling: ${name} is missing.`);
        return list;
      };
      const [short, long] = [factors('short_factor'), factors('long_factor')];
      return {
        scaling: { kind: 'longrope', short, long, originalContext },
        attentionFactor: given.positive(
          'attention_factor',
          factor <= 1 || originalContext < 2
            ? 1
            : Math.sqrt(1 + Math.log(factor) / Math.log(originalContext)),
        ),
      };
    }
    default:
      return refuse(
        `Rotary scaling "${kind}" is not supported; default, linear, dynamic, llama3, yarn and longrope are.`,
      );
  }
}

/** Sequences that these frequencies serve: dynamic scaling is made to leave the context that the config states. */
export function contextOf(rope: Rope, context: number): { context: number; cachedContext: number } {
  const { scaling } = rope;
  if (scaling.kind === 'dynamic')
    return {
      context: Math.min(MAX_CONTEXT, Math.max(context, Math.floor(context * scaling.factor))),
      cachedContext: context,
    };
  if (scaling.kind === 'longrope')
    return { context, cachedContext: Math.min(context, scaling.originalContext) };
  return { context, cachedContext: context };
}

/** A window that cuts something off, or null. */
export function readWindow(
  config: ConfigReader,
  key: string,
  missing: number | null,
  context: number,
): number | null {
  const window = config.has(key)
    ? config.integer(key, undefined, MAX_CONTEXT)
    : config.mentions(key)
      ? null
      : missing;
  return window !== null && window < context ? window : null;
}

/** Which layers have a sliding window: `layer_types` where the config holds it, else the class's rule. */
export function slidingLayers(
  config: ConfigReader,
  layers: number,
  rule: (layer: number) => boolean,
): boolean[] {
  const isName = (x: unknown): x is string => typeof x === 'string';
  const types = config.list('layer_types', layers, isName, 'layer types');
  if (!types) return Array.from({ length: layers }, (_, i) => rule(i));
  return types.map((type) => {
    if (type !== 'full_attention' && type !== 'sliding_attention')
      refuse(
        `Layers of type "${type.slice(0, 60)}" are not supported; full_attention and sliding_attention are.`,
      );
    return type === 'sliding_attention';
  });
}

/** The same for every layer. */
export function sameBlocks(layers: number, block: BlockSpec): BlockSpec[] {
  return Array.from({ length: layers }, () => ({ ...block }));
}

/** What most models have none of. */
export const PLAIN = {
  parallel: false,
  embeddingScale: 1,
  positions: null,
  attentionSoftcap: 0,
  logitSoftcap: 0,
  logitScale: 1,
  notes: [],
} satisfies Partial<DecoderConfig>;

export const IGNORABLE = /rotary_emb\.inv_freq$/;

/** Names that the LLaMA family and its descendants share. */
export const LLAMA_NAMES = {
  smaller: ANY_HEADS,
  prefixes: ['model.', ''],
  norms: { attnIn: 'layers.{i}.input_layernorm', mlpIn: 'layers.{i}.post_attention_layernorm' } as Partial<
    Record<NormSlot, string>
  >,
  finalNorm: 'norm',
  embedding: 'embed_tokens.weight',
  heads: ['lm_head.weight'],
  ignorable: IGNORABLE,
};

/** Norms before attention and MLP. */
export function preNorms(hidden: number): Partial<Record<NormSlot, number>> {
  return { attnIn: hidden, mlpIn: hidden };
}

type Dims = Pick<DecoderConfig, 'hidden' | 'heads' | 'kvHeads' | 'headDim' | 'inner'>;

/** q, k, v and o as matrices of their own. `stems` in declaration order. */
export function splitAttention(
  c: Dims,
  bias: { qkv: boolean; o: boolean },
  stems: { q: string; k: string; v: string; o: string } = {
    q: 'layers.{i}.self_attn.q_proj',
    k: 'layers.{i}.self_attn.k_proj',
    v: 'layers.{i}.self_attn.v_proj',
    o: 'layers.{i}.self_attn.o_proj',
  },
): MatrixSpec[] {
  const width = c.heads * c.headDim;
  return Object.entries(stems).map(([name, stem]) => ({
    name,
    stem,
    rows: name === 'o' ? c.hidden : name === 'q' ? width : c.kvHeads * c.headDim,
    cols: name === 'o' ? width : c.hidden,
    input: name === 'o' ? 'o' : 'attn',
    bias: name === 'o' ? bias.o : bias.qkv,
    transposed: false,
  }));
}

/** gate, up and down as matrices of their own. */
export function gatedMlp(c: Dims, bias = false): MatrixSpec[] {
  return (['gate', 'up', 'down'] as const).map((name) => ({
    name,
    stem: `layers.{i}.mlp.${name}_proj`,
    rows: name === 'down' ? c.hidden : c.inner,
    cols: name === 'down' ? c.inner : c.hidden,
    input: name === 'down' ? 'down' : 'mlp',
    bias,
    transposed: false,
  }));
}

/** up and down, an activation between them. */
export function plainMlp(
  c: Dims,
  stems: { up: string; down: string },
  bias: boolean,
  transposed = false,
): MatrixSpec[] {
  return [
    { name: 'up', stem: stems.up, rows: c.inner, cols: c.hidden, input: 'mlp', bias, transposed },
    { name: 'down', stem: stems.down, rows: c.hidden, cols: c.inner, input: 'down', bias, transposed },
  ];
}

/** One after the other. */
export function consecutiveParts(parts: [name: string, rows: number][]): MatrixPart[] {
  let begin = 0;
  return parts.map(([name, rows]) => {
    const part = { name, begin, block: rows, stride: rows, rows };
    begin += rows;
    return part;
  });
}

/** "quantization_config" means packed weights, which cannot be pruned as they are. */
export function refuseQuantised(config: ConfigReader): void {
  if (config.has('quantization_config'))
    refuse(
      'The weights are quantised or packed (quantization_config); the lab prunes F32, F16 and BF16 weights.',
      'Use the unquantised, dense model.',
    );
}
