/** A whole export: weights, what belongs to the model, model card, masks on request, and pruning.json as the last. */
import type { RunReport } from '../core/report';
import { archiveConfig } from './archive';
import { writeArchive, type ArchiveRequest } from './archiveWriter';
import { closed, copyFile, FileWriter, writeText, writeWeights, type WrittenFile, type WrittenWeights } from './exportWriter'; // prettier-ignore
import { APPLY_MASKS } from './handoverScripts';
import type { GgufExportType } from './ggufQuantize';
import { writeGguf } from './ggufWriter';
import type { OpenedModel } from './hfModel';
import { readText } from './json';
import { withValues } from './jsonEdit';
import { maskBytes } from './masks';
import { modelCard, readBaseCard, type ArchiveNote, type Methods } from './modelCard';
import { safetensorsPrefix, tensorBytes, type TensorSpec } from './safetensorsWriter';
import type { ExportSink } from './sink';

export interface ExportRequest {
  model: OpenedModel;
  sink: ExportSink;
  /** A GGUF file with matrices of this type instead of a Hugging Face folder; only for a model that came from one. */
  ggufType?: GgufExportType;
  /** Pruned matrices without their zeros, in a legacy format, instead of dense ones. */
  archive?: ArchiveRequest;
  /** New bytes of a tensor, in memory of their own, or null when it stays as it is. */
  changed(name: string): Promise<Uint8Array<ArrayBuffer> | null>;
  /** The report of what was written; its sparsity is that of `written.matrices`. */
  report(written: WrittenWeights): RunReport | Promise<RunReport>;
  /** Of a model that becomes smaller: the new shapes of tensors (`changed` gives their bytes) and numbers of its config. */
  smaller?: { shapes: ReadonlyMap<string, readonly number[]>; config: Readonly<Record<string, number>> };
  /** For the model card. */
  methods: Methods;
  /** For masks.safetensors: pruned weights in any order, and the packed bits of each (formats/masks.ts). */
  masks?: { weights: { name: string; count: number }[]; bits(name: string): Promise<Uint8Array> };
  /** Pruned weights that a safetensors file of this model holds as [inputs, outputs]. */
  transposed?: readonly string[];
  /** Small texts to write beside the model: file name to content. */
  texts?(report: RunReport): Promise<Record<string, string>>;
  onProgress?(doneBytes: number, totalBytes: number): void;
  signal?: AbortSignal;
}

/** What pruning.json holds beyond the report. */
export interface ExportRecord extends RunReport {
  /** SHA-256 of every file but pruning.json. */
  files: Record<string, string>;
  /** SHA-256 of every tensor's bytes. */
  tensors: Record<string, string>;
  shapes: Record<string, number[]>;
  /** Matrices that the file holds as [inputs, outputs]: their K:M groups run down the columns. */
  transposed?: string[];
  /** Of an archive: its format, and SHA-256 of the dense bytes of each matrix in it. */
  archive?: { format: string; dense: Record<string, string> };
  /** Of a GGUF export: from the names of the report to those in the file. */
  names?: Record<string, string>;
}

/** Files that make a model usable beside its weights; never other weights, never code. */
const COMPANION =
  /^(config\.json|generation_config\.json|tokenizer\.json|tokenizer_config\.json|special_tokens_map\.json|added_tokens\.json|vocab\.json|vocab\.txt|merges\.txt|tokenizer\.model|spiece\.model|chat_template\.(jinja|json)|(LICEN[CS]E|NOTICE|COPYING)(\.(txt|md))?|USE_POLICY\.md)$/i;

/** Writes everything. On failure what was written is removed again. Verification is verifyExport.ts. */
export async function exportFolder(
  request: ExportRequest,
): Promise<{ report: RunReport; files: { path: string; bytes: number }[] }> {
  try {
    return await writeAll(request);
  } catch (error) {
    await request.sink.abort();
    throw error;
  }
}

async function writeAll(
  request: ExportRequest,
): Promise<{ report: RunReport; files: { path: string; bytes: number }[] }> {
  const { model, sink, signal } = request;
  const { ggufType } = request;
  const toGguf = ggufType !== undefined && model.gguf !== undefined;
  const weights =
    ggufType && model.gguf
      ? await writeGguf(model, model.gguf, ggufType, sink, request)
      : request.archive
        ? await writeArchive(model, sink, request.archive, request)
        : await writeWeights(model, sink, { ...request, shapes: request.smaller?.shapes });
  const files: WrittenFile[] = [...weights.files];
  for (const { path } of model.files.paths) {
    // A GGUF file holds its config and tokenizer itself.
    if (!COMPANION.test(path) || (toGguf && path.endsWith('.json'))) continue;
    const config = path === 'config.json' ? configValues(request, weights) : null;
    if (config) files.push(await writeText(sink, path, await editedConfig(model, config), signal));
    else files.push(await copyFile(model, path, sink, signal));
  }
  if (request.masks) {
    files.push(await writeMasks(request.masks, sink, signal));
    files.push(await writeText(sink, 'apply_masks.py', APPLY_MASKS, signal));
  }
  const report = await request.report(weights);
  for (const [path, text] of Object.entries((await request.texts?.(report)) ?? {}))
    files.push(await writeText(sink, path, text, signal));
  files.push(
    await writeText(
      sink,
      'README.md',
      modelCard(report, await readBaseCard(model), request.methods, archiveNote(request, weights)),
      signal,
    ),
  );
  const record: ExportRecord = {
    ...report,
    files: Object.fromEntries(files.map((f) => [f.path, f.sha256])),
    tensors: weights.tensors,
    shapes: weights.shapes,
    ...(request.transposed?.length && !toGguf ? { transposed: [...request.transposed] } : {}),
    ...(request.archive && weights.dense
      ? { archive: { format: request.archive.format, dense: weights.dense } }
      : {}),
    ...(weights.names ? { names: weights.names } : {}),
  };
  files.push(await writeText(sink, 'pruning.json', `${JSON.stringify(record, null, 1)}\n`, signal));
  return { report, files: files.map(({ path, bytes }) => ({ path, bytes })) };
}

/** For the model card: bytes of the weight files, and of the dense ones that they stand for. */
function archiveNote({ model, archive }: ExportRequest, { files }: WrittenWeights): ArchiveNote | undefined {
  if (!archive) return undefined;
  const weights = files.filter(({ path }) => path.endsWith('.safetensors'));
  const bytes = weights.reduce((sum, file) => sum + file.bytes, 0);
  return { format: archive.format, before: model.totalBytes, after: bytes };
}

const CONFIG_BYTES = 4 << 20;

/** What changes in config.json: the sizes of a smaller model, the format of an archive. */
function configValues(
  { model, smaller, archive, transposed }: ExportRequest,
  { matrices }: WrittenWeights,
): Readonly<Record<string, unknown>> | null {
  if (!archive) return smaller?.config ?? null;
  const counts = Object.values(matrices);
  const zeros = counts.reduce((sum, m) => sum + m.zeros, 0);
  const sparsity = zeros / counts.reduce((sum, m) => sum + m.count, 0);
  const conv1d = transposed !== undefined && transposed.length > 0;
  return { quantization_config: archiveConfig(archive.format, { conv1d, sparsity, tensors: model.tensors }) };
}

async function editedConfig(model: OpenedModel, values: Readonly<Record<string, unknown>>): Promise<string> {
  return withValues(await readText(await model.files.open('config.json'), CONFIG_BYTES), values);
}

async function writeMasks(
  masks: NonNullable<ExportRequest['masks']>,
  sink: ExportSink,
  signal?: AbortSignal,
): Promise<WrittenFile> {
  const specs: TensorSpec[] = masks.weights.map(({ name, count }) => ({
    name,
    dtype: 'U8',
    shape: [maskBytes(count)],
  }));
  const total = specs.reduce((sum, spec) => sum + tensorBytes(spec), 0);
  const writer = await FileWriter.create(sink, 'masks.safetensors', total, signal);
  await writer.write(
    safetensorsPrefix(specs, { format: 'pt', layout: 'row-major bits, least significant first, 1 = kept' }),
  );
  for (const { name, count } of masks.weights) {
    const bits = await masks.bits(name);
    if (bits.byteLength !== maskBytes(count))
      throw new RangeError(`${name}: the mask does not fit its weight`);
    await writer.write(bits);
  }
  return closed(writer);
}
