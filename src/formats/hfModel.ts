/** Opens a model in Hugging Face layout (config, tokenizer, one or several safetensors files), or one GGUF file. */
import { LabError } from '../core/errors';
import type { GgufOrigin } from './ggufModel';
import { parseJson, quoteName, readJsonObject, readText, isJsonObject } from './json';
import { CONVERT, readSafetensorsHeader, type TensorEntry } from './safetensors';
import type { ByteSource, ModelFiles } from './source';

export interface OpenedModel {
  name: string;
  config: Record<string, unknown>;
  /** Every tensor of the weight files, by name. */
  tensors: Map<string, TensorEntry>;
  /** In name order. */
  weightFiles: { path: string; source: ByteSource }[];
  /** `__metadata__` of each weight file, by path. */
  metadata: Map<string, Record<string, string>>;
  files: ModelFiles;
  /** Bytes of the weight files. */
  totalBytes: number;
  /** Path of the shard index, null for a single file. */
  indexPath: string | null;
  /** Text of tokenizer.json; FormatError when there is none. */
  tokenizerJson: () => Promise<string>;
  tokenizerConfig: () => Promise<string | null>;
  warnings: string[];
  /** Set where the weights are a GGUF file; the rest is then made from its metadata. */
  gguf?: GgufOrigin;
}

/** Published config.json files are a few kB; label lists reach some hundred. */
const MAX_CONFIG_BYTES = 4 << 20;
/** About 100 bytes a tensor, and no published model has 300,000. */
const MAX_INDEX_BYTES = 32 << 20;
/** The largest published tokenizers are about 35 MB. */
const MAX_TOKENIZER_BYTES = 128 << 20;

const SINGLE = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';

/**
 * Reads config and all headers, no weights. FormatError names the file and what is wrong or what was looked for.
 * Which tensors an architecture needs is not decided here.
 */
export async function openModel(given: ModelFiles): Promise<OpenedModel> {
  const files = stripFolder(given);
  const paths = new Set(files.paths.map((f) => f.path));
  const layout = findWeights(files.name, paths);
  // Most models are none: the reader is fetched with the first one.
  if (layout.kind === 'gguf') return (await import('./ggufModel')).openGguf(files, layout.path);
  if (!paths.has('config.json')) {
    const adapter = paths.has('adapter_config.json');
    throw new LabError(
      'FormatError',
      adapter
        ? `${files.name}: an adapter (adapter_config.json), not a whole model.`
        : `${files.name}: no config.json beside the weights.`,
      adapter
        ? 'Merge it into its base model and save that.'
        : 'Give the whole folder: config.json, tokenizer.json and the weights.',
    );
  }
  const config = await readJsonObject(await files.open('config.json'), MAX_CONFIG_BYTES);
  const warnings: string[] = [];
  const opened =
    layout.kind === 'single'
      ? await openSingle(files, layout.path)
      : await openShards(files, layout.path, paths, warnings);
  return {
    name: files.name,
    config,
    ...opened,
    files,
    totalBytes: opened.weightFiles.reduce((sum, f) => sum + f.source.size, 0),
    indexPath: layout.kind === 'index' ? layout.path : null,
    tokenizerJson: async () => {
      if (!paths.has('tokenizer.json')) {
        throw new LabError(
          'FormatError',
          `${files.name}: no tokenizer.json.`,
          'Save the tokenizer with transformers (a fast tokenizer writes tokenizer.json), or give token ids instead of text.',
        );
      }
      return readText(await files.open('tokenizer.json'), MAX_TOKENIZER_BYTES);
    },
    tokenizerConfig: async () =>
      paths.has('tokenizer_config.json')
        ? readText(await files.open('tokenizer_config.json'), MAX_CONFIG_BYTES)
        : null,
    warnings,
  };
}

type Layout = { kind: 'single' | 'index' | 'gguf'; path: string };

/** The choice transformers makes: model.safetensors, then its index; then a lone .safetensors or .gguf of any name. */
function findWeights(name: string, paths: Set<string>): Layout {
  if (paths.has(SINGLE)) return { kind: 'single', path: SINGLE };
  if (paths.has(INDEX)) return { kind: 'index', path: INDEX };
  const weights = [...paths].filter((p) => p.endsWith('.safetensors') && !p.includes('/'));
  const [only, second] = weights;
  if (only !== undefined && second === undefined && !only.startsWith('adapter_'))
    return { kind: 'single', path: only };
  if (weights.length > 1) {
    throw new LabError(
      'FormatError',
      `${name}: ${weights.length} weight files (${weights.slice(0, 3).map(quoteName).join(', ')}, …) and no ${INDEX}.`,
      'Add the index, or pick one file.',
    );
  }
  const all = [...paths];
  const [gguf, ...more] = all.filter((p) => /\.gguf$/i.test(p) && !p.includes('/'));
  if (gguf !== undefined && only === undefined) {
    if (more.length === 0) return { kind: 'gguf', path: gguf };
    const split = /-\d{5}-of-\d{5}\.gguf$/.test(gguf);
    throw new LabError(
      split ? 'ModelError' : 'FormatError',
      `${name}: ${more.length + 1} GGUF files (${quoteName(gguf)}, …).`,
      split ? 'Join the parts with "llama-gguf-split --merge FIRST-PART OUT".' : 'Give one of the files.',
    );
  }
  const pickled = all.find((p) => /\.(bin|pt|pth|ckpt)$/.test(p));
  if (pickled !== undefined) {
    throw new LabError(
      'FormatError',
      `${name}: ${pickled} is a PyTorch file, which can run code when opened.`,
      CONVERT,
    );
  }
  if (only !== undefined || paths.has('adapter_config.json')) {
    throw new LabError(
      'FormatError',
      `${name}: an adapter, not a whole model.`,
      'Merge it into its base model and save that.',
    );
  }
  throw new LabError(
    'FormatError',
    `${name}: no weights. Looked for ${SINGLE}, ${INDEX} and any one .safetensors or .gguf file among ${all.length} files.`,
    'Give a folder in Hugging Face layout: config.json, tokenizer.json and safetensors weights; or one GGUF file.',
  );
}

type Weights = Pick<OpenedModel, 'tensors' | 'weightFiles' | 'metadata'>;

async function openSingle(files: ModelFiles, path: string): Promise<Weights> {
  const source = await files.open(path);
  const header = await readSafetensorsHeader(source);
  return {
    tensors: new Map(header.tensors.map((t) => [t.name, { ...t, file: path }])),
    weightFiles: [{ path, source }],
    metadata: new Map([[path, header.metadata]]),
  };
}

async function openShards(
  files: ModelFiles,
  indexPath: string,
  paths: Set<string>,
  warnings: string[],
): Promise<Weights> {
  const index = parseJson(indexPath, await readText(await files.open(indexPath), MAX_INDEX_BYTES), {
    unique: true,
  });
  const map = isJsonObject(index) ? index.weight_map : undefined;
  if (!isJsonObject(map)) throw new LabError('FormatError', `${indexPath}: no "weight_map" object.`);
  const wanted = new Map<string, Set<string>>();
  for (const [tensor, shard] of Object.entries(map)) {
    if (typeof shard !== 'string' || !/^[^/\\]+\.safetensors$/.test(shard) || shard.startsWith('.')) {
      const shown = JSON.stringify(shard)?.slice(0, 120) ?? 'nothing';
      throw new LabError(
        'FormatError',
        `${indexPath}: tensor ${quoteName(tensor)} is mapped to ${shown}, not a plain file name.`,
      );
    }
    const names = wanted.get(shard) ?? new Set();
    wanted.set(shard, names.add(tensor));
  }
  if (wanted.size === 0) throw new LabError('FormatError', `${indexPath}: the weight map is empty.`);
  const missing = [...wanted.keys()].filter((shard) => !paths.has(shard));
  if (missing.length > 0) {
    throw new LabError(
      'FormatError',
      `${files.name}: ${indexPath} names ${missing.slice(0, 3).map(quoteName).join(', ')}, missing here (${missing.length} of ${wanted.size} shards).`,
      'Add the missing files to the folder.',
    );
  }
  const weights: Weights = { tensors: new Map(), weightFiles: [], metadata: new Map() };
  for (const path of [...wanted.keys()].sort()) {
    const source = await files.open(path);
    const header = await readSafetensorsHeader(source);
    const names = wanted.get(path) ?? new Set<string>();
    let extra = 0;
    for (const tensor of header.tensors) {
      if (names.delete(tensor.name)) weights.tensors.set(tensor.name, { ...tensor, file: path });
      else extra++;
    }
    const [lost] = names;
    if (lost !== undefined) {
      throw new LabError(
        'FormatError',
        `${path}: tensor ${quoteName(lost)}, which the index expects here, is not in it.`,
      );
    }
    if (extra > 0)
      warnings.push(`${path} holds ${extra} tensors that the index does not name; they are left alone.`);
    weights.weightFiles.push({ path, source });
    weights.metadata.set(path, header.metadata);
  }
  return weights;
}

/**
 * A dropped folder arrives as "folder/config.json", sometimes beside strays: the shallowest folder that holds a
 * config.json (or, without one, the folder all paths share) becomes the root.
 */
export function stripFolder(files: ModelFiles): ModelFiles {
  const folderOf = (path: string): string => path.slice(0, path.lastIndexOf('/') + 1);
  const configs = files.paths
    .map((f) => f.path)
    .filter((p) => p === 'config.json' || p.endsWith('/config.json'));
  const depth = (path: string): number => path.split('/').length;
  const shallowest = Math.min(...configs.map(depth));
  const candidates = configs.filter((p) => depth(p) === shallowest);
  let root = candidates.length === 1 ? folderOf(candidates[0] ?? '') : '';
  if (configs.length === 0) {
    const folders = new Set(files.paths.map((f) => folderOf(f.path)));
    if (folders.size === 1) [root = ''] = folders;
  }
  if (candidates.length > 1) {
    throw new LabError(
      'FormatError',
      `${files.name}: several models (${candidates.slice(0, 3).map(quoteName).join(', ')}).`,
      'Give one of their folders.',
    );
  }
  if (root === '') return files;
  return {
    name: files.name,
    paths: files.paths
      .filter((f) => f.path.startsWith(root))
      .map((f) => ({ path: f.path.slice(root.length), size: f.size })),
    open: (path) => files.open(root + path),
  };
}
