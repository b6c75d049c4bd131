/**
 * The experiment as one plain JSON value. It is what the URL, the command line flags, the worker messages and the
 * report's `spec` hold. Everything that decides a result is in here; nothing else is.
 */
import { LabError } from './errors';

export type Pattern = 'free' | { keep: number; group: number };
export type TextName = 'calibration' | 'select' | 'report';
export type ParamValue = number | boolean | string;

export interface LabSpec {
  /** 'demo', 'hf:owner/name[@revision]', or the name of a local folder or file. */
  model: string;
  pruner: string;
  allocation: string;
  /** Fraction of zeros over the prunable weights, in [0, 1]. */
  sparsity: number;
  /** ATP's common difference, or 'auto' for the best of a sweep on the select text. */
  beta: number | 'auto';
  /** 'free' or 'K:M', K kept of every M consecutive inputs. */
  pattern: string;
  /** Other parameters of the pruner or the allocation, only those given. */
  set: Record<string, ParamValue>;
  /** Rates by hand: one per layer, or one per prunable tensor name. */
  layerSparsity?: number[] | Record<string, number>;
  /** 'bundled', or the name of the user's text. */
  texts: Record<TextName, string>;
  samples: number;
  /** Tokens per window; null means min(256, the model's context). */
  window: number | null;
  windows: number;
  /** Main seed of the calibration draw: its run is exported and its texts are the report's. */
  seed: number;
  /** Seeds whose calibration draws are all measured, the main one among them; absent for the main one alone. */
  seeds?: number[];
  errorsOn: TextName;
  stats: 'exact' | 'dense';
  /** Betas of a sweep, ascending or not; absent for the grid and 0. */
  betas?: number[];
}

export const DEFAULT_SPEC: Readonly<LabSpec> = {
  model: 'demo',
  pruner: 'wanda',
  allocation: 'atp',
  sparsity: 0.7,
  beta: 0,
  pattern: 'free',
  set: {},
  texts: { calibration: 'bundled', select: 'bundled', report: 'bundled' },
  samples: 16,
  window: null,
  windows: 16,
  seed: 0,
  errorsOn: 'calibration',
  stats: 'exact',
};

export function defaultSpec(): LabSpec {
  return structuredClone(DEFAULT_SPEC);
}

/** Each seed of a sweep is a sweep of its own. */
export const MAX_SEEDS = 32;

/** Problem of a list of seeds, null when it is legal: whole numbers from 0, none twice, the main seed among them. */
export function seedsProblem(seeds: readonly number[], seed: number): string | null {
  if (seeds.length < 1 || seeds.length > MAX_SEEDS)
    return `${seeds.length} seeds are listed; from 1 to ${MAX_SEEDS} can be measured.`;
  const bad = seeds.find((s) => !Number.isSafeInteger(s) || s < 0);
  if (bad !== undefined) return `${bad} is not a seed; seeds are whole numbers from 0 up.`;
  const twice = seeds.find((s, i) => seeds.indexOf(s) !== i);
  if (twice !== undefined) return `Seed ${twice} is listed twice.`;
  if (!seeds.includes(seed)) return `The main seed ${seed} is not among the seeds ${seeds.join(', ')}.`;
  return null;
}

/** Seeds from a comma list; SpecError when one is not a whole number from 0 up, or is there twice. */
export function parseSeeds(field: string, text: string): number[] {
  const range = { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true };
  const seeds = text.split(',').map((part) => parseNumber(field, part, range));
  const problem = seedsProblem(seeds, seeds[0] ?? 0);
  if (problem !== null) throw new LabError('SpecError', `${field}: ${problem}`, 'Give for example 0,1,2.');
  return seeds;
}

const RE_PATTERN = /^(?<keep>[1-9]\d{0,2}):(?<group>[1-9]\d{0,2})$/;

/** Each layer keeps a whole number of every 8 inputs, which ATP chooses. */
export const MIXED_PATTERN = 'mixed:8';

/**
 * 'free', 'mixed:8' or 'K:M' with 1 <= K < M <= 32. Throws SpecError otherwise. 'mixed:8' counts as free: sparsity and
 * beta are open, and the groups come with the rates.
 */
export function parsePattern(text: string): Pattern {
  if (text === 'free' || text === MIXED_PATTERN) return 'free';
  const groups = RE_PATTERN.exec(text)?.groups;
  const keep = Number(groups?.keep);
  const group = Number(groups?.group);
  if (!groups || !(keep < group) || group > 32) {
    throw new LabError(
      'SpecError',
      `Pattern "${text}" is not "free", "mixed:8" or K:M with 1 <= K < M <= 32.`,
      'Use for example 2:4.',
    );
  }
  return { keep, group };
}

/** A decimal number as users write it; SpecError names the field when it is not one or is out of range. */
export function parseNumber(
  field: string,
  text: string,
  range: { min?: number; max?: number; integer?: boolean } = {},
): number {
  const trimmed = text.trim();
  const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(trimmed) ? Number(trimmed) : NaN;
  const { min = -Infinity, max = Infinity, integer = false } = range;
  if (!Number.isFinite(value) || value < min || value > max || (integer && !Number.isSafeInteger(value))) {
    const kind = integer ? 'a whole number' : 'a number';
    const bounds = min > -Infinity ? ` from ${min}${max < Infinity ? ` to ${max}` : ' up'}` : '';
    throw new LabError('SpecError', `${field} must be ${kind}${bounds}, not "${text.slice(0, 80)}".`);
  }
  return value;
}
