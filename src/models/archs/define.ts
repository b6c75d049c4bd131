/**
 * An architecture is data: it reads a Hugging Face config into a DecoderConfig, which the one decoder interprets.
 * Anything it does not know must be refused by name, never ignored.
 */
import { LabError } from '../../core/errors';

export type RopeScaling =
  | { kind: 'default' }
  | { kind: 'linear'; factor: number }
  | {
      kind: 'llama3';
      factor: number;
      lowFreqFactor: number;
      highFreqFactor: number;
      originalContext: number;
    };

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
  context: number;
  normEps: number;
  tiedHead: boolean;
  attentionBias: boolean;
  mlpBias: boolean;
  ropeTheta: number;
  ropeScaling: RopeScaling;
}

/** Linear matrices of a block in declaration order: the order of pruning (docs/methods.md). */
export const MATRICES = ['q', 'k', 'v', 'o', 'gate', 'up', 'down'] as const;
export type MatrixName = (typeof MATRICES)[number];

/** Inputs that matrices share: statistics are taken once per input. */
export const INPUT_OF: Record<MatrixName, InputName> = {
  q: 'attn',
  k: 'attn',
  v: 'attn',
  o: 'o',
  gate: 'mlp',
  up: 'mlp',
  down: 'down',
};
export const INPUTS = ['attn', 'o', 'mlp', 'down'] as const;
export type InputName = (typeof INPUTS)[number];

export interface Architecture {
  modelType: string;
  read(config: ConfigReader): DecoderConfig;
  /** Tensor name of a block's matrix, without prefix. */
  matrixName(layer: number, matrix: MatrixName): string;
  normName(layer: number, which: 'input' | 'post'): string;
  finalNorm: string;
  embedding: string;
  head: string;
  /** Tensors that may be there and carry nothing. */
  ignorable: RegExp;
}

/** Shape [outputs, inputs] of a block's matrix. */
export function matrixShape(c: DecoderConfig, matrix: MatrixName): [number, number] {
  switch (matrix) {
    case 'q':
      return [c.heads * c.headDim, c.hidden];
    case 'k':
    case 'v':
      return [c.kvHeads * c.headDim, c.hidden];
    case 'o':
      return [c.hidden, c.heads * c.headDim];
    case 'gate':
    case 'up':
      return [c.inner, c.hidden];
    case 'down':
      return [c.hidden, c.inner];
  }
}

export function hasBias(c: DecoderConfig, matrix: MatrixName): boolean {
  return matrix === 'gate' || matrix === 'up' || matrix === 'down' ? c.mlpBias : c.attentionBias;
}

/** Typed access to an untrusted config.json: every field is checked where it is read. */
export class ConfigReader {
  readonly #config: Record<string, unknown>;
  readonly #where: string;

  constructor(config: Record<string, unknown>, where = 'config.json') {
    this.#config = config;
    this.#where = where;
  }

  has(name: string): boolean {
    return (
      Object.hasOwn(this.#config, name) && this.#config[name] !== null && this.#config[name] !== undefined
    );
  }

  /** True also when the field is there and null. */
  mentions(name: string): boolean {
    return Object.hasOwn(this.#config, name);
  }

  /** A whole number in [min, max]; the default where the field is absent. */
  integer(name: string, fallback: number | undefined, max: number, min = 1): number {
    const value = this.number(name, fallback);
    if (!Number.isInteger(value) || value < min || value > max) {
      throw new LabError(
        'FormatError',
        `${this.#where}: ${name} must be a whole number from ${min} to ${max}, not ${String(value)}.`,
      );
    }
    return value;
  }

  number(name: string, fallback: number | undefined): number {
    const value = this.has(name) ? this.#config[name] : fallback;
    if (value === undefined) throw new LabError('FormatError', `${this.#where}: ${name} is missing.`);
    if (typeof value !== 'number' || !Number.isFinite(value)) {
      throw new LabError(
        'FormatError',
        `${this.#where}: ${name} must be a finite number, not ${JSON.stringify(value).slice(0, 60)}.`,
      );
    }
    return value;
  }

  /** A required number above 0. */
  positive(name: string): number {
    const value = this.number(name, undefined);
    if (!(value > 0))
      throw new LabError('FormatError', `${this.#where}: ${name} must be above 0, not ${value}.`);
    return value;
  }

  boolean(name: string, fallback: boolean): boolean {
    const value = this.has(name) ? this.#config[name] : fallback;
    if (typeof value !== 'boolean')
      throw new LabError('FormatError', `${this.#where}: ${name} must be true or false.`);
    return value;
  }

  string(name: string, fallback: string): string {
    const value = this.has(name) ? this.#config[name] : fallback;
    if (typeof value !== 'string')
      throw new LabError('FormatError', `${this.#where}: ${name} must be a string.`);
    return value.slice(0, 200);
  }

  object(name: string): ConfigReader | null {
    if (!this.has(name)) return null;
    const value = this.#config[name];
    if (typeof value !== 'object' || Array.isArray(value))
      throw new LabError('FormatError', `${this.#where}: ${name} must be an object.`);
    return new ConfigReader(value as Record<string, unknown>, `${this.#where}: ${name}`);
  }

  /** First entry of a list of strings, or undefined. */
  firstString(name: string): string | undefined {
    const value = this.#config[name];
    const first: unknown = Array.isArray(value) ? value[0] : undefined;
    return typeof first === 'string' ? first.slice(0, 200) : undefined;
  }
}
