/**
 * An architecture is data: it reads a Hugging Face config into a DecoderConfig, which the one decoder interprets, and
 * names the tensors. Anything it does not know must be refused by name, never ignored.
 */
import type { ConfigReader } from './configReader';

/** Rotary frequencies of some layers. `dim` leading channels of each head are turned, half against half. */
export interface Rope {
  theta: number;
  dim: number;
  scaling: RopeScaling;
  /** Factor of cosine and sine (YaRN, LongRoPE); 1 otherwise. */
  attentionFactor: number;
}

export type RopeScaling =
  | { kind: 'default' }
  | { kind: 'linear'; factor: number }
  | {
      kind: 'llama3';
      factor: number;
      lowFreqFactor: number;
      highFreqFactor: number;
      originalContext: number;
    }
  /** Stretches by the length of the sequence, once it is longer than the original context. */
  | { kind: 'dynamic'; factor: number; originalContext: number }
  | {
      kind: 'yarn';
      factor: number;
      betaFast: number;
      betaSlow: number;
      originalContext: number;
      truncate: boolean;
    }
  /** Divisors of the frequencies, one for each pair: for sequences up to the original context, and longer ones. */
  | { kind: 'longrope'; short: number[]; long: number[]; originalContext: number };

export type Activation = 'silu' | 'gelu' | 'geluTanh' | 'relu';

/** Where a block may have a norm: before and after attention and MLP (inside the branch), on queries and on keys. */
export const NORM_SLOTS = ['attnIn', 'attnOut', 'mlpIn', 'mlpOut', 'q', 'k'] as const;
export type NormSlot = (typeof NORM_SLOTS)[number];

/** A run of a fused matrix's outputs: blocks of `block` rows, `stride` apart, from `begin`, `rows` in all. */
export interface MatrixPart {
  name: string;
  begin: number;
  block: number;
  stride: number;
  rows: number;
}

/**
 * A Linear of a block: q k v o, or qkv and o; gate up down, or gateUp and down, or up and down without a gate. The
 * order of the list is the order of pruning.
 */
export interface MatrixSpec {
  name: string;
  /** Tensor name without prefix and ".weight"; {i} stands for the layer. */
  stem: string;
  /** Outputs and inputs. */
  rows: number;
  cols: number;
  /** Matrices with the same input share its statistics. */
  input: string;
  bias: boolean;
  /** The file holds [inputs, outputs] (Conv1D). */
  transposed: boolean;
  /** What a fused matrix is made of, in the order in which the decoder wants it. */
  parts?: MatrixPart[];
}

/** What may differ from layer to layer. */
export interface BlockSpec {
  /** Index into `ropes`; null: this layer knows no positions of its own. */
  rope: number | null;
  /** A query sees this many keys, itself included; null: all before it. */
  window: number | null;
  /** Factor of the scores. */
  attentionScale: number;
}

export interface DecoderConfig {
  modelType: string;
  /** Class name for the report, for example LlamaForCausalLM. */
  architecture: string;
  layers: number;
  hidden: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  /** MLP width. */
  inner: number;
  vocabulary: number;
  /** Longest sequence. */
  context: number;
  /** Longest sequence for cached decoding: beyond it rotary frequencies would change under the keys that are kept. */
  cachedContext: number;
  tiedHead: boolean;
  /** The weight of an RMS norm is offset + w. */
  norm: { kind: 'rms' | 'layer'; eps: number; offset: 0 | 1; bias: boolean };
  /** Length of the weight of each norm that the blocks have. */
  norms: Partial<Record<NormSlot, number>>;
  /** Attention and MLP both read the block's input. */
  parallel: boolean;
  activation: Activation;
  embeddingScale: number;
  /** Learned positions, added to the embedding: rows of the table, and the row of position 0. */
  positions: { rows: number; offset: number } | null;
  /** cap * tanh(x / cap); 0: none. */
  attentionSoftcap: number;
  logitSoftcap: number;
  logitScale: number;
  ropes: Rope[];
  blocks: BlockSpec[];
  matrices: MatrixSpec[];
  /** What the user should know about how the config was read. */
  notes: string[];
}

/** How transformers' config says that a model of this class is smaller. */
export interface SmallerRules {
  /** Key of the MLP width. */
  inner: string;
  /** Why a model with this many heads of unchanged size cannot be said in it; null where it can. */
  heads(config: DecoderConfig, heads: number): string | null;
}

export interface Architecture {
  modelType: string;
  /** The class of transformers whose forward pass this is. */
  className: string;
  read(config: ConfigReader): DecoderConfig;
  smaller: SmallerRules;
  /** Prefixes under which files hold everything but the head; the first is what transformers writes. */
  prefixes: readonly string[];
  /** Stems of a block's norms; {i} stands for the layer. */
  norms: Partial<Record<NormSlot, string>>;
  finalNorm: string;
  embedding: string;
  /** Table of learned positions. */
  positions?: string;
  /** Names of the output matrix; the first is the usual one. */
  heads: readonly string[];
  /** Tensors that may be there and carry nothing. */
  ignorable: RegExp;
}

/** A shared input of matrices. */
export interface InputSpec {
  name: string;
  width: number;
}

/** The inputs that a block's matrices read, in order. */
export function inputsOf(config: DecoderConfig): InputSpec[] {
  const widths = new Map(config.matrices.map((m) => [m.input, m.cols]));
  return [...widths].map(([name, width]) => ({ name, width }));
}

/** Tensor name of a stem in a layer. */
export function inLayer(stem: string, layer: number): string {
  return stem.replace('{i}', String(layer));
}
