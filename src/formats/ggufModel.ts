/**
 * A GGUF file as a Hugging Face model: config, tensor names and shapes, tokenizer files made from its metadata. What
 * cannot be said faithfully in those terms is refused by name.
 */
import { DTYPE_BYTES, type FloatDtype } from '../core/dtypes';
import { LabError } from '../core/errors';
import { readGguf, type GgufFile, type GgufTensor } from './gguf';
import { GGUF_ARCHS, type Extra, type GgufArch } from './ggufArchs';
import { fileShape, storedEntry, type Layout } from './ggufLayout';
import { GgufMeta } from './ggufMeta';
import { ggufTokenizer, tokenizerConfig, unknownTokenizer } from './ggufTokenizer';
import type { OpenedModel } from './hfModel';
import { quoteName } from './json';
import type { TensorEntry } from './safetensors';
import { memorySource, type ByteSource, type ModelFiles } from './source';

/** What the writer needs to make a GGUF file again. */
export interface GgufOrigin {
  file: GgufFile;
  meta: GgufMeta;
  /** By Hugging Face name. */
  tensors: Map<string, { tensor: GgufTensor; layout: Layout }>;
}

/** Metadata of an architecture that change nothing in the computation. */
const BENIGN = ['vocab_size', 'rope.dimension_count', 'attention.layer_norm_rms_epsilon'];
/** Small enough to be read whole: one value for each pair of rotated dimensions. */
const MAX_FACTORS = 4096;

/** FormatError or ModelError, naming what is wrong or not supported. */
export async function openGguf(files: ModelFiles, path: string): Promise<OpenedModel> {
  const source = await files.open(path);
  const file = await readGguf(source);
  const meta = new GgufMeta(file);
  const kind = meta.text('general.type') ?? 'model';
  if (kind !== 'model') throw meta.refuse(`a GGUF file of the kind ${quoteName(kind)}, not a model`);
  const arch = GGUF_ARCHS.get(meta.arch);
  if (!arch) {
    throw meta.refuse(
      `the GGUF architecture ${quoteName(meta.arch)} is not supported; ${[...GGUF_ARCHS.keys()].join(', ')} are`,
      'Choose another model.',
    );
  }
  if (meta.number('expert_count', 0) > 0)
    throw meta.refuse(`a mixture of ${meta.number('expert_count')} experts`, 'Choose a dense model.');
  if (!meta.boolean('attention.causal', true)) throw meta.refuse('a model without causal attention');
  const extra: Extra = {
    ropeFreqs: await readFactors(file, meta, 'rope_freqs.weight'),
    longFactors: await readFactors(file, meta, 'rope_factors_long.weight'),
    shortFactors: await readFactors(file, meta, 'rope_factors_short.weight'),
  };
  const dtype = modelDtype(file.tensors);
  const config = {
    model_type: arch.modelType(meta),
    architectures: [arch.architecture(meta)],
    ...arch.config(meta, extra),
    bos_token_id: meta.general('tokenizer.ggml.bos_token_id') ?? null,
    eos_token_id: meta.general('tokenizer.ggml.eos_token_id') ?? null,
    pad_token_id: meta.general('tokenizer.ggml.padding_token_id') ?? null,
    torch_dtype: { F32: 'float32', F16: 'float16', BF16: 'bfloat16' }[dtype],
  };
  const warnings = checkUnread(meta);
  const { tensors, origin } = mapTensors(meta, arch, source, path, dtype);
  const tokenizerFault = unknownTokenizer(meta);
  if (tokenizerFault !== null)
    warnings.push(`${tokenizerFault} Texts cannot be tokenised; windows of ids can be used.`);
  const stored = new Set(file.tensors.map((t) => t.type.name));
  if (stored.size > 1 || !stored.has(dtype))
    warnings.push(
      `The file’s weights (${[...stored].join(', ')}) are computed with as ${dtype}; that is what is measured and exported.`,
    );
  let tokenizer: Promise<string> | undefined;
  const tokenizerJson = (): Promise<string> => (tokenizer ??= ggufTokenizer(meta));
  return {
    name: files.name,
    config,
    tensors,
    weightFiles: [{ path, source }],
    metadata: new Map(),
    files: withGenerated(files, path, config, meta, tokenizerFault === null ? tokenizerJson : null),
    totalBytes: source.size,
    indexPath: null,
    tokenizerJson,
    tokenizerConfig: async () => json(await tokenizerConfig(meta)),
    warnings,
    gguf: origin,
  };
}

/** Whole model in one type: F16 as soon as one matrix is quantised or F16, else what the matrices are. */
function modelDtype(tensors: readonly GgufTensor[]): FloatDtype {
  const kinds = new Set(tensors.filter((t) => t.shape.length > 1).map((t) => t.type.name));
  if ([...kinds].every((kind) => kind === 'F32')) return 'F32';
  if ([...kinds].every((kind) => kind === 'BF16')) return 'BF16';
  return [...kinds].every((kind) => kind === 'F32' || kind === 'BF16') ? 'F32' : 'F16';
}

async function readFactors(file: GgufFile, meta: GgufMeta, name: string): Promise<Float32Array | null> {
  const tensor = meta.tensors.get(name);
  if (!tensor) return null;
  const count = tensor.shape.reduce((a, b) => a * b, 1);
  if (tensor.shape.length !== 1 || count > MAX_FACTORS || tensor.type.name !== 'F32')
    throw meta.refuse(`${name} is ${tensor.type.name} of shape [${tensor.shape.join(', ')}]`);
  const values = new Float32Array(count);
  tensor.type.decode(await file.source.read(tensor.begin, tensor.end), values);
  return values;
}

/** Parts of names under which metadata changes the computation. */
const MATTERS =
  /scal|clamp|alibi|softcap|expert|sliding|norm|bias|residual|rope|temperature|rank|parallel|length|count|activation|ssm|wkv|causal/;

/** Metadata that nobody has read: refused where it could change the computation, else returned to be said. */
function checkUnread(meta: GgufMeta): string[] {
  for (const key of BENIGN) meta.has(key);
  if (meta.string('tensor_data_layout', '') === '') meta.has('tensor_data_layout');
  for (const key of ['expert_used_count', 'pooling_type', 'attention.sliding_window']) {
    const value = meta.has(key) ? meta.number(key) : 0;
    if (key === 'pooling_type' && value !== 0) throw meta.refuse('a model with pooling (embeddings)');
    // Where a window is used, its architecture has read it; elsewhere it must not be ignored.
    if (key === 'attention.sliding_window' && value > 0 && !WINDOWED.has(meta.arch))
      throw meta.refuse(`a sliding window of ${value} in ${meta.arch}`);
  }
  const unread = meta.unread();
  const matters = unread.find((key) => MATTERS.test(key));
  if (matters !== undefined)
    throw meta.refuse(`the metadata say ${quoteName(matters)}, which the lab does not know for ${meta.arch}`);
  return unread.length === 0
    ? []
    : [
        `The lab does not know the metadata ${unread.slice(0, 5).map(quoteName).join(', ')}; they were left alone.`,
      ];
}

const WINDOWED = new Set(['llama', 'gemma2', 'gemma3', 'phi3']);

function mapTensors(
  meta: GgufMeta,
  arch: GgufArch,
  source: ByteSource,
  path: string,
  dtype: FloatDtype,
): { tensors: Map<string, TensorEntry>; origin: GgufOrigin } {
  const tensors = new Map<string, TensorEntry>();
  const origin: GgufOrigin = { file: meta.file, meta, tensors: new Map() };
  for (const tensor of meta.file.tensors) {
    if (arch.ignorable?.test(tensor.name)) continue;
    const name = hfName(arch, tensor.name);
    if (name === null)
      throw meta.refuse(`tensor ${quoteName(tensor.name)} is not part of ${meta.arch} as the lab knows it`);
    const layout = arch.layout?.(tensor.name, meta) ?? { kind: 'same' };
    checkLayout(meta, tensor, layout);
    tensors.set(name, storedEntry(source, path, tensor, name, dtype, layout));
    origin.tensors.set(name, { tensor, layout });
  }
  return { tensors, origin };
}

const RE_BLOCK = /^blk\.(?<block>0|[1-9]\d{0,4})\.(?<stem>[a-z0-9_]+)\.(?<kind>weight|bias)$/;
const RE_OUTSIDE = /^(?<stem>[a-z0-9_]+)\.(?<kind>weight|bias)$/;

function hfName(arch: GgufArch, name: string): string | null {
  const inBlock = RE_BLOCK.exec(name)?.groups;
  const groups = inBlock ?? RE_OUTSIDE.exec(name)?.groups;
  const table = inBlock ? arch.stems : arch.names;
  const stem = groups?.stem ?? '';
  if (!groups || !Object.hasOwn(table, stem)) return null;
  const prefix = inBlock ? arch.block.replace('#', inBlock.block ?? '') : '';
  return `${prefix}${table[stem] ?? ''}.${groups.kind ?? ''}`;
}

function checkLayout(meta: GgufMeta, tensor: GgufTensor, layout: Layout): void {
  const [rows] = fileShape(tensor.shape);
  const whole = (n: number): boolean => Number.isInteger(n) && n >= 1;
  const fits =
    layout.kind === 'pairs'
      ? whole(layout.headRows) && layout.headRows % 2 === 0 && rows % layout.headRows === 0
      : layout.kind !== 'apart' || (whole(layout.heads) && rows % (3 * layout.heads) === 0);
  if (!fits || (layout.kind === 'transposed' && tensor.shape.length !== 2)) {
    throw new LabError(
      'FormatError',
      `${meta.file.source.name}: tensor ${quoteName(tensor.name)} has shape [${tensor.shape.join(', ')}], which the heads in the metadata do not divide.`,
      'The file is damaged; fetch it again.',
    );
  }
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** The GGUF file, what belongs to any model, and the files that its metadata stand for. */
function withGenerated(
  files: ModelFiles,
  path: string,
  config: Record<string, unknown>,
  meta: GgufMeta,
  tokenizerJson: (() => Promise<string>) | null,
): ModelFiles {
  const ids = {
    bos_token_id: config.bos_token_id,
    eos_token_id: config.eos_token_id,
    pad_token_id: config.pad_token_id,
  };
  const generation = Object.fromEntries(Object.entries(ids).filter(([, id]) => id !== null));
  const made = new Map<string, () => Promise<string>>([
    ['config.json', () => Promise.resolve(json(config))],
    ['generation_config.json', () => Promise.resolve(json(generation))],
  ]);
  if (tokenizerJson) {
    made.set('tokenizer.json', tokenizerJson);
    made.set('tokenizer_config.json', async () => json(await tokenizerConfig(meta)));
  }
  const kept = files.paths.filter(
    (f) => f.path === path || /^(README|LICEN[CS]E|NOTICE|pruning\.json$)/i.test(f.path),
  );
  return {
    name: files.name,
    // Their length is known when they are made.
    paths: [...kept, ...[...made.keys()].map((name) => ({ path: name, size: 0 }))],
    open: async (name) => {
      const text = made.get(name);
      return text ? memorySource(name, new TextEncoder().encode(await text())) : files.open(name);
    },
  };
}

/** Bytes of the model's weights in its dtype. */
export function ggufWeightBytes(tensors: Iterable<TensorEntry>): number {
  let bytes = 0;
  for (const t of tensors) bytes += t.shape.reduce((a, b) => a * b, 1) * DTYPE_BYTES[t.dtype];
  return bytes;
}
