/** The command line's flags: one table that parsing, checking and help read. */
import { LabError } from '../core/errors';
import {
  defaultSpec,
  parseNumber,
  parsePattern,
  parseSeeds,
  type LabSpec,
  type ParamValue,
  type TextName,
} from '../core/spec';
import { ARCHIVE_FORMATS, type ArchiveFormat } from '../formats/archive';
import { GGUF_EXPORT_TYPES, type GgufExportType } from '../formats/ggufQuantize';
import { HUB_TEXTS, isHubText, parseHubText } from '../formats/hubId';
import { ALLOCATION_PARAMS, allocations } from '../pruning/allocations';
import { COMMON_PARAMS, PRUNERS } from '../pruning/pruners';

type FlagKind = 'text' | 'switch' | 'list';

interface FlagDescription {
  kind: FlagKind;
  /** Shown after the name. */
  value?: string;
  help: string;
}

/** The first is the default. */
const listed = (methods: readonly { id: string }[]): string =>
  methods.map(({ id }, i) => (i === 0 ? `${id} (default)` : id)).join(', ');

const EXPERIMENT = {
  pruner: { kind: 'text', value: 'ID', help: `which weights go: ${listed(PRUNERS)}` },
  allocation: {
    kind: 'text',
    value: 'ID',
    help: `how many in each layer: ${listed(allocations.filter((a) => a.listed))}, custom with --layer-sparsity`,
  },
  sparsity: { kind: 'text', value: 'S', help: 'fraction of zeros over the prunable weights, 0.7' },
  beta: { kind: 'text', value: 'B', help: "ATP's common difference, or auto" },
  pattern: {
    kind: 'text',
    value: 'P',
    help: 'free (default), K:M, K kept of every M inputs, or mixed:8, K:8 by layer',
  },
  set: {
    kind: 'list',
    value: 'NAME=VALUE',
    help: 'another parameter of the pruner or allocation; repeatable',
  },
  'layer-sparsity': {
    kind: 'text',
    value: 'F.json',
    help: 'rates by hand: a list by layer, or an object by tensor name',
  },
  calibration: {
    kind: 'text',
    value: 'F',
    help: 'calibration text: .txt, .json windows, or of the Hub: hf:c4, hf:wikitext-2/train',
  },
  select: {
    kind: 'text',
    value: 'F',
    help: 'text that chooses beta; also hf:wikitext-2/validation, hf:c4/validation',
  },
  report: { kind: 'text', value: 'F', help: 'text of the headline figure; also hf:wikitext-2/test' },
  samples: { kind: 'text', value: 'N', help: 'calibration sequences, 16' },
  window: { kind: 'text', value: 'n', help: 'tokens in each sequence and window, min(256, context)' },
  windows: { kind: 'text', value: 'K', help: 'evaluation windows at most, 16' },
  seed: { kind: 'text', value: 'X', help: 'seed of the calibration draw, 0' },
  'errors-on': { kind: 'text', value: 'TEXT', help: 'calibration (default), select or report' },
  stats: {
    kind: 'text',
    value: 'KIND',
    help: 'exact (default), or dense: statistics once from the dense model',
  },
  spec: {
    kind: 'text',
    value: 'F',
    help: 'run again what F holds: a report, its spec, an exported folder, or run:ID',
  },
  'no-history': { kind: 'switch', help: 'do not keep this run in the list of past runs' },
} as const satisfies Record<string, FlagDescription>;

const COMMON = {
  json: { kind: 'text', value: 'F', help: 'write the report to F, - for standard output' },
  adapter: { kind: 'text', value: 'T', help: 'substring of the adapter to use, or software' },
  quiet: { kind: 'switch', help: 'no progress' },
  debug: { kind: 'switch', help: 'stack traces' },
  help: { kind: 'switch', help: 'this text' },
} as const satisfies Record<string, FlagDescription>;

const EXTRA = {
  out: { kind: 'text', value: 'DIR', help: 'where to write; must not exist or be empty' },
  force: { kind: 'switch', help: 'replace what --out holds' },
  seeds: { kind: 'text', value: 'LIST', help: 'several calibration draws, such as 0,1,2: mean and range' },
  betas: { kind: 'text', value: 'LIST', help: 'auto (the grid and 0), or a comma list' },
  layer: { kind: 'text', value: 'I', help: 'the layer to look into; the first is 0' },
  ids: { kind: 'text', value: 'F.json', help: 'windows of token ids, equal lengths' },
  pruners: { kind: 'text', value: 'LIST', help: 'ids to compare, wanda; all; parameters as ID:NAME=VALUE' },
  allocations: {
    kind: 'text',
    value: 'LIST',
    help: 'ids to compare, uniform,atp; parameters as ID:NAME=VALUE',
  },
  sparsities: { kind: 'text', value: 'LIST', help: 'fractions of zeros to compare at, 0.7' },
  axes: {
    kind: 'switch',
    help: 'all pruners with the first allocation, then the first pruner with all allocations; not their product',
  },
  theorem: {
    kind: 'text',
    value: 'LIST',
    help: 'what is put on trial: 3.1, 3.2, 3.4, 3.5, lab, convexity, proxy, or all; without --seeds on draws 0,1,2',
  },
  rates: {
    kind: 'text',
    value: 'LIST',
    help: 'sparsities that the error of a layer is measured at, 0.05,0.1,...,0.95',
  },
  tune: { kind: 'switch', help: 'measure which kernels are fastest here, on a software adapter too' },
  figures: { kind: 'text', value: 'DIR', help: 'write every figure as an SVG file into DIR' },
  others: {
    kind: 'text',
    value: 'HOW',
    help: 'theorem 3.4: layers that are not raised are at the target (default), or dense',
  },
  html: { kind: 'text', value: 'F', help: 'write the table and its charts as one page to F' },
  csv: { kind: 'text', value: 'F', help: 'write the table to F' },
  resume: {
    kind: 'text',
    value: 'F',
    help: 'keep what is done in F after every row, and go on from what F holds',
  },
  layers: { kind: 'switch', help: "also write each block's output" },
  prompt: { kind: 'text', value: 'T', help: 'the text to continue' },
  pruned: { kind: 'text', value: 'DIR', help: 'an exported folder to set beside the model' },
  tasks: {
    kind: 'text',
    value: 'LIST',
    help: 'cloze (default, bundled), boolq, rte, hellaswag, winogrande, arc_easy, arc_challenge, openbookqa, piqa: of the Hub, or TASK=FILE.jsonl',
  },
  mode: {
    kind: 'text',
    value: 'MODE',
    help: 'paper (default): no special tokens; harness: those of the tokenizer, as lm-evaluation-harness',
  },
  limit: { kind: 'text', value: 'N', help: 'items of each task at most, of a fixed shuffle' },
  items: { kind: 'switch', help: 'also every log-likelihood in the record' },
  'max-tokens': { kind: 'text', value: 'N', help: 'tokens to generate, 48' },
  temperature: { kind: 'text', value: 'T', help: '0 (greedy, default) or above' },
  'generation-seed': { kind: 'text', value: 'X', help: 'seed of the draw, 0' },
  format: {
    kind: 'text',
    value: 'F',
    help: 'prune: hf, a Hugging Face folder (default), or gguf, one file; generate: auto, dense (default), bitmask, csr or km',
  },
  'gguf-type': { kind: 'text', value: 'T', help: 'matrices of the GGUF file: f16 (default), bf16 or q8_0' },
  archive: {
    kind: 'text',
    value: 'F',
    help: 'legacy, smaller but no faster: weights as sparse-bitmask, or sparse-24-bitmask of a 2:4 pattern',
  },
  masks: { kind: 'switch', help: 'also write masks.safetensors and apply_masks.py' },
  recipe: {
    kind: 'switch',
    help: 'also write recipe.yaml for llm-compressor, with calibration.json and oneshot.py',
  },
  modifier: { kind: 'text', value: 'ID', help: 'wanda or sparsegpt chooses the weights there' },
  budget: { kind: 'text', value: 'N', help: 'metrics to measure, 50' },
  population: { kind: 'text', value: 'N', help: 'metrics that new ones are bred from, 20' },
  'search-seed': { kind: 'text', value: 'X', help: 'seed of the search, 0' },
  suite: { kind: 'text', value: 'NAME', help: 'kernels, forward, tick, sweep, load or export; peers' },
  peers: {
    kind: 'switch',
    help: 'also beside onnxruntime-web, tfjs, jax-js, transformers.js and PyTorch: installs them',
  },
  all: { kind: 'switch', help: 'every past run' },
  formats: {
    kind: 'text',
    value: 'LIST',
    help: 'storage formats: dense,zeros,bitmask,csr,km (default: all)',
  },
  'prompt-tokens': { kind: 'text', value: 'N', help: 'tokens of the prompt, 32' },
  tokens: { kind: 'text', value: 'N', help: 'tokens decoded in each run, 128' },
  reps: { kind: 'text', value: 'N', help: 'timed runs of each format, 5' },
  warmup: { kind: 'text', value: 'N', help: 'runs before them, 2' },
  quick: { kind: 'switch', help: 'small shapes, few repetitions' },
} as const satisfies Record<string, FlagDescription>;

export const FLAGS: Record<string, FlagDescription> = { ...EXPERIMENT, ...COMMON, ...EXTRA };
export const EXPERIMENT_FLAGS = Object.keys(EXPERIMENT);
export const COMMON_FLAGS = Object.keys(COMMON);

export interface Parsed {
  command: string;
  positional: string[];
  values: Map<string, string>;
  lists: Map<string, string[]>;
  switches: Set<string>;
}

/** `--name value`, `--name=value`, switches; SpecError on anything unknown, repeated or without its value. */
export function parseArguments(argv: readonly string[]): Parsed {
  const parsed: Parsed = {
    command: '',
    positional: [],
    values: new Map(),
    lists: new Map(),
    switches: new Set(),
  };
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i] ?? '';
    if (argument === '-h') {
      parsed.switches.add('help');
      continue;
    }
    if (!argument.startsWith('--')) {
      if (argument.startsWith('-') && argument !== '-')
        throw new LabError('SpecError', `There is no flag ${argument.slice(0, 60)}.`, 'See prunelab --help.');
      if (parsed.command) parsed.positional.push(argument);
      else parsed.command = argument;
      continue;
    }
    const equals = argument.indexOf('=');
    const name = argument.slice(2, equals === -1 ? undefined : equals);
    const flag = Object.hasOwn(FLAGS, name) ? FLAGS[name] : undefined;
    if (!flag)
      throw new LabError('SpecError', `There is no flag --${name.slice(0, 60)}.`, 'See prunelab --help.');
    if (flag.kind === 'switch') {
      if (equals !== -1) throw new LabError('SpecError', `--${name} takes no value.`);
      parsed.switches.add(name);
      continue;
    }
    const value = equals === -1 ? argv[++i] : argument.slice(equals + 1);
    if (value === undefined)
      throw new LabError('SpecError', `--${name} needs a value (${flag.value ?? 'VALUE'}).`);
    if (flag.kind === 'list') parsed.lists.set(name, [...(parsed.lists.get(name) ?? []), value]);
    else if (parsed.values.has(name)) throw new LabError('SpecError', `--${name} is given twice.`);
    else parsed.values.set(name, value);
  }
  return parsed;
}

/** SpecError for a flag that this command does not take. */
export function allowOnly(parsed: Parsed, allowed: readonly string[]): void {
  for (const name of [...parsed.values.keys(), ...parsed.lists.keys(), ...parsed.switches]) {
    if (!allowed.includes(name) && !COMMON_FLAGS.includes(name)) {
      throw new LabError(
        'SpecError',
        `"${parsed.command}" does not take --${name}.`,
        `See prunelab ${parsed.command} --help.`,
      );
    }
  }
}

const RE_ASSIGNMENT = /^(?<name>[A-Za-z][\w-]*)=(?<value>.*)$/;

function paramValue(text: string): ParamValue {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : text;
}

/** What a spec on the command line refers to: files that the command reads. */
export interface SpecFlags {
  spec: LabSpec;
  /** Paths of user texts. */
  textFiles: Map<TextName, string>;
  /** Path of --layer-sparsity. */
  layerSparsityFile?: string;
}

const TEXT_FLAGS: readonly TextName[] = ['calibration', 'select', 'report'];
const baseName = (path: string): string => path.split(/[\\/]/).filter(Boolean).pop() ?? path;

/** The spec that the flags describe, on top of `base`. Everything is checked that needs no model. */
export function specFromFlags(
  parsed: Parsed,
  model: string,
  defaultBeta: LabSpec['beta'],
  base?: LabSpec,
): SpecFlags {
  const spec = base ? { ...structuredClone(base), model } : { ...defaultSpec(), model, beta: defaultBeta };
  const value = (name: string): string | undefined => parsed.values.get(name);
  const number = (
    name: string,
    range: { min?: number; max?: number; integer?: boolean },
  ): number | undefined => {
    const text = value(name);
    return text === undefined ? undefined : parseNumber(`--${name}`, text, range);
  };
  spec.pruner = value('pruner') ?? spec.pruner;
  spec.allocation = value('allocation') ?? spec.allocation;
  spec.pattern = value('pattern') ?? spec.pattern;
  spec.sparsity = number('sparsity', { min: 0, max: 1 }) ?? spec.sparsity;
  spec.samples = number('samples', { min: 1, max: 65536, integer: true }) ?? spec.samples;
  spec.window = number('window', { min: 2, max: 1 << 24, integer: true }) ?? spec.window;
  spec.windows = number('windows', { min: 1, max: 1 << 24, integer: true }) ?? spec.windows;
  spec.seed = number('seed', { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true }) ?? spec.seed;
  const seeds = value('seeds');
  if (seeds !== undefined) {
    spec.seeds = parseSeeds('--seeds', seeds);
    // Without --seed the first of the list leads.
    if (!parsed.values.has('seed') && !spec.seeds.includes(spec.seed)) spec.seed = spec.seeds[0] ?? spec.seed;
  }
  spec.errorsOn = oneOf('--errors-on', value('errors-on') ?? spec.errorsOn, TEXT_FLAGS);
  spec.stats = oneOf('--stats', value('stats') ?? spec.stats, ['exact', 'dense'] as const);
  for (const assignment of parsed.lists.get('set') ?? []) {
    const groups = RE_ASSIGNMENT.exec(assignment)?.groups;
    if (!groups?.name) throw new LabError('SpecError', `--set ${assignment.slice(0, 60)} is not NAME=VALUE.`);
    spec.set = { ...spec.set, [groups.name]: paramValue(groups.value ?? '') };
  }
  const pattern = parsePattern(spec.pattern);
  if (pattern !== 'free' && !parsed.values.has('sparsity') && (!base || parsed.values.has('pattern')))
    spec.sparsity = 1 - pattern.keep / pattern.group;

  const layerSparsityFile = value('layer-sparsity');
  const plain = spec.allocation === 'atp' && pattern === 'free' && !layerSparsityFile && !spec.layerSparsity;
  const beta = value('beta');
  if (beta !== undefined) {
    if (!plain)
      throw new LabError(
        'SpecError',
        '--beta belongs to the allocation atp with the free pattern.',
        'Leave --beta out, or use --allocation atp and --pattern free.',
      );
    spec.beta = beta === 'auto' ? 'auto' : parseNumber('--beta', beta);
  } else if (!plain && (!base || layerSparsityFile)) spec.beta = 0;

  const textFiles = new Map<TextName, string>();
  for (const which of TEXT_FLAGS) {
    const path = value(which);
    if (path === undefined) continue;
    if (isHubText(path)) {
      parseHubText(path);
      spec.texts = { ...spec.texts, [which]: path };
      continue;
    }
    if (!/\.(txt|json)$/i.test(path))
      throw new LabError(
        'SpecError',
        `--${which} ${baseName(path).slice(0, 120)}: a text is a .txt or a .json file, or ${HUB_TEXTS.join(', ')}.`,
      );
    textFiles.set(which, path);
    spec.texts = { ...spec.texts, [which]: baseName(path) };
  }
  return { spec, textFiles, layerSparsityFile };
}

/** Type of the matrices for --format gguf; undefined for a Hugging Face folder. */
export function ggufTypeFlag(parsed: Parsed): GgufExportType | undefined {
  const format = oneOf('--format', parsed.values.get('format') ?? 'hf', ['hf', 'gguf']);
  const given = parsed.values.get('gguf-type');
  if (format === 'gguf') return oneOf('--gguf-type', given ?? 'f16', GGUF_EXPORT_TYPES);
  if (given !== undefined)
    throw new LabError('SpecError', '--gguf-type belongs to --format gguf.', 'Add --format gguf.');
  return undefined;
}

/** The format of --archive; undefined for dense weights. */
export function archiveFlag(parsed: Parsed): ArchiveFormat | undefined {
  const given = parsed.values.get('archive');
  return given === undefined ? undefined : oneOf('--archive', given, ARCHIVE_FORMATS);
}

function oneOf<const T extends string>(name: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((a) => a === value);
  if (found === undefined)
    throw new LabError('SpecError', `${name} must be ${allowed.join(', ')}; not "${value.slice(0, 60)}".`);
  return found;
}

/** Names, values and defaults of what --set takes. */
function describeParams(): string {
  const rows = [
    ...COMMON_PARAMS.map((p) => ['every pruner', p] as const),
    ...PRUNERS.flatMap((pruner) => pruner.params.map((p) => [pruner.id, p] as const)),
    ...ALLOCATION_PARAMS.map((p) => ['every allocation', p] as const),
    ...allocations.flatMap((allocation) => allocation.params.map((p) => [allocation.id, p] as const)),
  ].map(([owner, p]) => {
    const values =
      p.type === 'boolean'
        ? 'true|false'
        : p.type === 'choice'
          ? (p.choices ?? []).join('|')
          : p.type.toUpperCase();
    return `  ${`${p.name}=${values}`.padEnd(26)}${p.help} Default ${String(p.init)}; ${owner}.`;
  });
  return `\n--set takes:\n${rows.join('\n')}\n`;
}

/** The help text of a command. */
export function helpFor(name: string, summary: string, allowed: readonly string[]): string {
  const rows = [...allowed, ...COMMON_FLAGS].map((flag) => {
    const d = FLAGS[flag];
    return `  --${flag}${d?.value ? ` ${d.value}` : ''}`.padEnd(28) + (d?.help ?? '');
  });
  return `prunelab ${name}: ${summary}\n\n${rows.join('\n')}\n${allowed.includes('set') ? describeParams() : ''}`;
}

/** The model a command works on; SpecError when it is missing or there are two. `--spec` may name it instead. */
export function oneModel(parsed: Parsed, stored?: LabSpec): string {
  const [model = stored?.model, second] = parsed.positional;
  if (model === undefined)
    throw new LabError(
      'SpecError',
      `"${parsed.command}" needs a model.`,
      'Give demo, a folder, a .safetensors or .gguf file, or hf:owner/name.',
    );
  if (second !== undefined) throw new LabError('SpecError', `"${second.slice(0, 60)}" is one word too many.`);
  return model;
}
