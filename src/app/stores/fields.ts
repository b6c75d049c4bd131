/**
 * The experiment in the address: one table of fields decides how the spec is read from a query and written to one.
 * Keys are named as the command line flags.
 */
import { LabError } from '../../core/errors';
import {
  defaultSpec,
  MIXED_PATTERN,
  parseNumber,
  parsePattern,
  parseSeeds,
  type LabSpec,
  type ParamValue,
  type TextName,
} from '../../core/spec';
import { isHubText, parseHubText } from '../../formats/hubId';
import { findAllocation } from '../../pruning/allocations';

interface Field {
  key: string;
  /** Takes the text into the spec; throws SpecError when it cannot. */
  read(spec: LabSpec, text: string): void;
  /** Texts to write, none to leave the key out. */
  write(spec: LabSpec): string[];
}

function choice<T extends string>(key: string, text: string, choices: readonly T[]): T {
  const found = choices.find((item) => item === text);
  if (found === undefined)
    throw new LabError('SpecError', `${key} must be ${choices.join(' or ')}, not "${text.slice(0, 80)}".`);
  return found;
}

function parseParam(text: string): [string, ParamValue] {
  const equals = text.indexOf('=');
  const name = text.slice(0, equals);
  if (equals < 1 || !/^[A-Za-z][A-Za-z0-9]*$/.test(name)) {
    throw new LabError('SpecError', `set must be name=value, not "${text.slice(0, 80)}".`);
  }
  const raw = text.slice(equals + 1);
  if (raw === 'true' || raw === 'false') return [name, raw === 'true'];
  const value = Number(raw);
  return [name, raw.trim() !== '' && Number.isFinite(value) ? value : raw];
}

/** A whole number field; the name of the query key is the name of the flag. */
function whole(key: 'samples' | 'windows' | 'seed', min: number, max: number): Field {
  return {
    key,
    read: (spec, text) => {
      spec[key] = parseNumber(key, text, { min, max, integer: true });
    },
    write: (spec) => [String(spec[key])],
  };
}

/** A text in a link can be one of the Hub; files of the user's own cannot travel in an address. */
function textField(key: TextName): Field {
  return {
    key,
    read: (spec, text) => {
      if (text !== 'bundled') parseHubText(text);
      spec.texts = { ...spec.texts, [key]: text };
    },
    write: (spec) => (isHubText(spec.texts[key]) ? [spec.texts[key]] : []),
  };
}

export const FIELDS: readonly Field[] = [
  {
    key: 'model',
    read: (spec, text) => {
      if (text !== 'demo' && !/^hf:[\w.-]+\/[\w.-]+(\/[\w.+-]+)?(@[\w./-]+)?$/.test(text)) {
        throw new LabError(
          'SpecError',
          `The model "${text.slice(0, 80)}" cannot be opened from a link.`,
          'Pick its files again with Model, From disk.',
        );
      }
      spec.model = text;
    },
    write: (spec) => [spec.model],
  },
  {
    key: 'pruner',
    read: (spec, text) => {
      if (!/^[a-z][a-z0-9-]{0,40}$/.test(text))
        throw new LabError('SpecError', `There is no pruner "${text.slice(0, 80)}".`);
      spec.pruner = text;
    },
    write: (spec) => [spec.pruner],
  },
  {
    key: 'allocation',
    read: (spec, text) => {
      spec.allocation = findAllocation(text).id;
    },
    write: (spec) => [spec.allocation],
  },
  {
    key: 'sparsity',
    read: (spec, text) => {
      spec.sparsity = parseNumber('sparsity', text, { min: 0, max: 1 });
    },
    write: (spec) => [String(spec.sparsity)],
  },
  {
    key: 'beta',
    read: (spec, text) => {
      spec.beta = text === 'auto' ? 'auto' : parseNumber('beta', text);
    },
    write: (spec) => [String(spec.beta)],
  },
  {
    key: 'pattern',
    read: (spec, text) => {
      parsePattern(text);
      spec.pattern = text;
    },
    write: (spec) => (spec.pattern === 'free' ? [] : [spec.pattern]),
  },
  {
    key: 'layer-sparsity',
    read: (spec, text) => {
      spec.layerSparsity = text
        .split(',')
        .map((part) => parseNumber('layer-sparsity', part, { min: 0, max: 1 }));
    },
    // Rates of single matrices came from a file and are too many for an address.
    write: ({ layerSparsity }) => (Array.isArray(layerSparsity) ? [layerSparsity.join(',')] : []),
  },
  {
    key: 'set',
    read: (spec, text) => {
      const [name, value] = parseParam(text);
      spec.set = { ...spec.set, [name]: value };
    },
    write: (spec) => Object.entries(spec.set).map(([name, value]) => `${name}=${String(value)}`),
  },
  textField('calibration'),
  textField('select'),
  textField('report'),
  whole('samples', 1, 4096),
  {
    key: 'window',
    read: (spec, text) => {
      spec.window = parseNumber('window', text, { min: 2, max: 131072, integer: true });
    },
    write: (spec) => (spec.window === null ? [] : [String(spec.window)]),
  },
  whole('windows', 1, 4096),
  whole('seed', 0, Number.MAX_SAFE_INTEGER),
  {
    key: 'seeds',
    read: (spec, text) => {
      spec.seeds = parseSeeds('seeds', text);
    },
    write: (spec) => (spec.seeds ? [spec.seeds.join(',')] : []),
  },
  {
    key: 'errors-on',
    read: (spec, text) => {
      spec.errorsOn = choice('errors-on', text, ['calibration', 'select', 'report'] as const);
    },
    write: (spec) => (spec.errorsOn === 'calibration' ? [] : [spec.errorsOn]),
  },
  {
    key: 'stats',
    read: (spec, text) => {
      spec.stats = choice('stats', text, ['exact', 'dense'] as const);
    },
    write: (spec) => (spec.stats === 'exact' ? [] : [spec.stats]),
  },
];

export interface ParsedQuery {
  spec: LabSpec;
  /** Keys that were there and legal. */
  given: Set<string>;
  problems: LabError[];
}

/** Reads a query string. Illegal values leave the default in place and are listed. */
export function parseQuery(query: string): ParsedQuery {
  const params = new URLSearchParams(query);
  const spec = defaultSpec();
  const given = new Set<string>();
  const problems: LabError[] = [];
  for (const field of FIELDS) {
    for (const text of params.getAll(field.key)) {
      try {
        field.read(spec, text);
        given.add(field.key);
      } catch (error) {
        problems.push(LabError.from(error));
      }
    }
  }
  fitPattern(spec, given, problems);
  fitByHand(spec, given, problems);
  fitSeeds(spec, given, problems);
  return { spec, given, problems };
}

/** K:M fixes the rate: 1 - K/M in every layer. */
function fitPattern(spec: LabSpec, given: Set<string>, problems: LabError[]): void {
  const pattern = parsePattern(spec.pattern);
  if (spec.pattern === MIXED_PATTERN && spec.allocation !== 'atp') {
    problems.push(new LabError('SpecError', `The pattern ${MIXED_PATTERN} needs the allocation atp, not ${spec.allocation}.`)); // prettier-ignore
    spec.pattern = 'free';
  }
  if (pattern === 'free') return;
  const rate = 1 - pattern.keep / pattern.group;
  if (given.has('sparsity') && Math.abs(spec.sparsity - rate) > 1e-9) {
    problems.push(new LabError('SpecError', `sparsity ${spec.sparsity} contradicts the pattern ${spec.pattern}, which fixes it at ${rate}.`)); // prettier-ignore
  }
  if (given.has('beta') && spec.beta !== 0) {
    problems.push(new LabError('SpecError', `beta ${spec.beta} contradicts the pattern ${spec.pattern}, which fixes every layer at ${rate}.`)); // prettier-ignore
  }
  spec.sparsity = rate;
  spec.beta = 0;
}

/** A list of rates is the allocation "custom", and there is none without a list. */
function fitByHand(spec: LabSpec, given: Set<string>, problems: LabError[]): void {
  const { layerSparsity, allocation, pattern } = spec;
  if (layerSparsity && given.has('allocation') && allocation !== 'custom')
    problems.push(new LabError('SpecError', `layer-sparsity contradicts the allocation ${allocation}.`));
  else if (layerSparsity && pattern !== 'free')
    problems.push(new LabError('SpecError', `layer-sparsity contradicts the pattern ${pattern}, which fixes every layer.`)); // prettier-ignore
  else if (layerSparsity) {
    spec.allocation = 'custom';
    spec.beta = 0;
    return;
  } else if (allocation === 'custom') {
    problems.push(new LabError('SpecError', 'The allocation custom needs rates, such as layer-sparsity=0.6,0.7,0.8, one for each layer; those of single matrices come from a file.')); // prettier-ignore
    spec.allocation = 'atp';
  }
  delete spec.layerSparsity;
}

/** The main seed is one of the list: the first of it, unless another is named. */
function fitSeeds(spec: LabSpec, given: Set<string>, problems: LabError[]): void {
  const { seeds, seed } = spec;
  if (!seeds || seeds.includes(seed)) return;
  if (given.has('seed')) {
    problems.push(new LabError('SpecError', `seed ${seed} is not among the seeds ${seeds.join(', ')}.`));
    delete spec.seeds;
  } else spec.seed = seeds[0] ?? seed;
}

/** The spec as a query string with a leading "?"; keys that are not the spec's are kept from `current`. */
export function writeQuery(spec: LabSpec, current = ''): string {
  const params = new URLSearchParams();
  for (const field of FIELDS) for (const text of field.write(spec)) params.append(field.key, text);
  const own = new Set(FIELDS.map(({ key }) => key));
  for (const [key, value] of new URLSearchParams(current)) if (!own.has(key)) params.append(key, value);
  return `?${params.toString().replaceAll('%3A', ':').replaceAll('%2F', '/').replaceAll('%40', '@').replaceAll('%2C', ',')}`;
}
