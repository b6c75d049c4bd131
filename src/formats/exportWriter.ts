/**
 * Writes a pruned model. Where sizes do not change, an exported weight file is the input file with the bytes of the
 * pruned tensors replaced; header, order, metadata and every other byte stay. Where tensors are smaller, the header is
 * written anew, with the same order and metadata. Streams in bounded pieces.
 */
import { DTYPE_BYTES } from '../core/dtypes';
import { LabError, throwIfAborted } from '../core/errors';
import type { OpenedModel } from './hfModel';
import { isJsonObject, parseJson, readText } from './json';
import { countZeros } from './masks';
import type { TensorEntry } from './safetensors';
import { safetensorsPrefix, tensorBytes, type TensorSpec } from './safetensorsWriter';
import { sha256Stream, type Sha256Stream } from './sha256';
import type { ExportSink } from './sink';
import type { ByteSource } from './source';
import { tensorPieces } from './tensorBytes';

export interface WriteOptions {
  /** New bytes of a tensor, in its shape, or null when it stays as it is. */
  changed(name: string): Promise<Uint8Array | null>;
  /** Shapes of the tensors that become smaller. */
  shapes?: ReadonlyMap<string, readonly number[]>;
  onProgress?(doneBytes: number, totalBytes: number): void;
  signal?: AbortSignal;
}

export interface WrittenFile {
  path: string;
  bytes: number;
  sha256: string;
}

export interface WrittenWeights {
  files: WrittenFile[];
  /** SHA-256 of each tensor's bytes, by name. */
  tensors: Record<string, string>;
  shapes: Record<string, number[]>;
  /** Of the matrices that were changed, counted in the bytes written; +0 and -0 count. */
  matrices: Record<string, { zeros: number; count: number }>;
  /** Of an archive: SHA-256 of each packed matrix as dense bytes, its zeros +0. */
  dense?: Record<string, string>;
  /** Where the file's names are not those of `matrices`: from those to these. */
  names?: Record<string, string>;
}

const CHUNK_BYTES = 4 << 20;

/**
 * Writes every weight file of `model`, a single one as model.safetensors, and the shard index where there is one. A
 * model that came from a GGUF file becomes one model.safetensors in its dtype.
 */
export async function writeWeights(
  model: OpenedModel,
  sink: ExportSink,
  options: WriteOptions,
): Promise<WrittenWeights> {
  if (model.gguf) return writeAnew(model, sink, options, [{ path: 'model.safetensors' }]);
  if (options.shapes) return writeSmaller(model, sink, options);
  const written: WrittenWeights = { files: [], tensors: {}, shapes: {}, matrices: {} };
  let doneBytes = 0;
  const progress = (bytes: number): void => {
    doneBytes += bytes;
    options.onProgress?.(doneBytes, model.totalBytes);
  };
  for (const { path, source } of model.weightFiles) {
    const target = model.indexPath === null ? 'model.safetensors' : path;
    const writer = await FileWriter.create(sink, target, options.signal);
    const tensors = [...model.tensors.values()]
      .filter((t) => t.file === path)
      .sort((a, b) => a.begin - b.begin);
    const tensorHash = await sha256Stream();
    let at = 0;
    for (const tensor of tensors) {
      // The header, and tensors that no index names.
      await copyRange(source, at, tensor.begin, writer, progress);
      await writeTensor(tensor, writer, tensorHash, options, written, progress);
      define(written.tensors, tensor.name, tensorHash.finish());
      define(written.shapes, tensor.name, tensor.shape);
      at = tensor.end;
    }
    await copyRange(source, at, source.size, writer, progress);
    written.files.push(await writer.close());
  }
  if (model.indexPath !== null)
    written.files.push(await copyFile(model, model.indexPath, sink, options.signal));
  return written;
}

const INDEX_BYTES = 32 << 20;

/** The model's files with smaller tensors, and an index that says their size. */
async function writeSmaller(
  model: OpenedModel,
  sink: ExportSink,
  options: WriteOptions,
): Promise<WrittenWeights> {
  const { indexPath } = model;
  const written = await writeAnew(
    model,
    sink,
    options,
    model.weightFiles.map(({ path }) => ({
      path: indexPath === null ? 'model.safetensors' : path,
      of: path,
    })),
  );
  if (indexPath === null) return written;
  const text = await readText(await model.files.open(indexPath), INDEX_BYTES, options.signal);
  const index = parseJson(indexPath, text);
  const metadata = isJsonObject(index) ? index['metadata'] : undefined;
  const size = [...model.tensors.values()].reduce((sum, t) => sum + tensorBytes(reshaped(t, options)), 0);
  const changed = isJsonObject(index)
    ? JSON.stringify(
        { ...index, metadata: { ...(isJsonObject(metadata) ? metadata : {}), total_size: size } },
        null,
        2,
      )
    : text;
  const writer = await FileWriter.create(sink, indexPath, options.signal);
  await writer.write(new TextEncoder().encode(`${changed}\n`));
  written.files.push(await writer.close());
  return written;
}

/** Safetensors files of their own: the tensors in the order of the file that they came from. */
async function writeAnew(
  model: OpenedModel,
  sink: ExportSink,
  options: WriteOptions,
  /** `of`: the file that the tensors come from, all where it is left out. */
  files: { path: string; of?: string }[],
): Promise<WrittenWeights> {
  const written: WrittenWeights = { files: [], tensors: {}, shapes: {}, matrices: {} };
  const all = [...model.tensors.values()];
  const total = all.reduce((sum, t) => sum + tensorBytes(reshaped(t, options)), 0);
  let doneBytes = 0;
  const progress = (bytes: number): void => {
    doneBytes += bytes;
    options.onProgress?.(doneBytes, total);
  };
  const tensorHash = await sha256Stream();
  for (const { path, of } of files) {
    const tensors = all.filter((t) => of === undefined || t.file === of);
    if (of !== undefined) tensors.sort((a, b) => a.begin - b.begin);
    const metadata = (of === undefined ? undefined : model.metadata.get(of)) ?? { format: 'pt' };
    const writer = await FileWriter.create(sink, path, options.signal);
    await writer.write(
      safetensorsPrefix(
        tensors.map((t) => reshaped(t, options)),
        metadata,
      ),
    );
    for (const tensor of tensors) {
      await writeTensor(tensor, writer, tensorHash, options, written, progress);
      define(written.tensors, tensor.name, tensorHash.finish());
      define(written.shapes, tensor.name, [...reshaped(tensor, options).shape]);
    }
    written.files.push(await writer.close());
  }
  return written;
}

function reshaped({ name, dtype, shape }: TensorEntry, { shapes }: WriteOptions): TensorSpec {
  return { name, dtype, shape: shapes?.get(name) ?? shape };
}

async function writeTensor(
  tensor: TensorEntry,
  writer: FileWriter,
  hash: Sha256Stream,
  options: WriteOptions,
  written: WrittenWeights,
  progress: (bytes: number) => void,
): Promise<void> {
  const replaced = await options.changed(tensor.name);
  if (!replaced && tensor.stored) {
    for await (const { bytes } of tensorPieces(tensor, writer.signal)) {
      hash.update(bytes);
      await writer.write(bytes);
      progress(bytes.byteLength);
    }
    return;
  }
  if (!replaced) {
    await copyRange(tensor.source, tensor.begin, tensor.end, writer, progress, hash);
    return;
  }
  const expected = tensorBytes(reshaped(tensor, options));
  if (replaced.byteLength !== expected) {
    throw new LabError('InternalError', `${tensor.name}: ${replaced.byteLength} new bytes for ${expected}.`);
  }
  for (let at = 0; at < replaced.byteLength; at += CHUNK_BYTES) {
    const chunk = replaced.subarray(at, at + CHUNK_BYTES);
    hash.update(chunk);
    await writer.write(chunk);
    progress(chunk.byteLength);
  }
  if (tensor.shape.length !== 2) return;
  const size = DTYPE_BYTES[tensor.dtype];
  define(written.matrices, tensor.name, {
    zeros: countZeros(replaced, size),
    count: replaced.byteLength / size,
  });
}

/** Names come from files: "__proto__" is a name like any other. */
export function define<T>(record: Record<string, T>, key: string, value: T): void {
  Object.defineProperty(record, key, { value, enumerable: true, writable: true, configurable: true });
}

async function copyRange(
  source: ByteSource,
  begin: number,
  end: number,
  writer: FileWriter,
  progress: (bytes: number) => void,
  hash?: Sha256Stream,
): Promise<void> {
  for (let at = begin; at < end; at += CHUNK_BYTES) {
    const chunk = await source.read(at, Math.min(end, at + CHUNK_BYTES), writer.signal);
    hash?.update(chunk);
    await writer.write(chunk);
    progress(chunk.byteLength);
  }
}

/** Copies a file of the model as it is. */
export async function copyFile(
  model: OpenedModel,
  path: string,
  sink: ExportSink,
  signal?: AbortSignal,
): Promise<WrittenFile> {
  const source = await model.files.open(path);
  const writer = await FileWriter.create(sink, path, signal);
  await copyRange(source, 0, source.size, writer, () => undefined);
  return writer.close();
}

/** Small pieces go to the sink together. */
const GATHER_BYTES = 4 << 20;

/** A file in a sink, hashed while it is written. */
export class FileWriter {
  readonly path: string;
  readonly signal: AbortSignal | undefined;
  readonly #sink: ExportSink;
  readonly #hash: Sha256Stream;
  #bytes = 0;
  /** Not written yet. */
  #gathered: Uint8Array[] = [];
  #gatheredBytes = 0;
  /** Under way while the next pieces are made and hashed. */
  #writing: Promise<void> = Promise.resolve();

  private constructor(sink: ExportSink, path: string, hash: Sha256Stream, signal: AbortSignal | undefined) {
    this.#sink = sink;
    this.path = path;
    this.#hash = hash;
    this.signal = signal;
  }

  static async create(sink: ExportSink, path: string, signal?: AbortSignal): Promise<FileWriter> {
    throwIfAborted(signal);
    const hash = await sha256Stream();
    await sink.create(path);
    return new FileWriter(sink, path, hash, signal);
  }

  /** `bytes` may be used again when this resolves. */
  async write(bytes: Uint8Array): Promise<void> {
    throwIfAborted(this.signal);
    this.#hash.update(bytes);
    this.#bytes += bytes.byteLength;
    this.#gathered.push(bytes.slice());
    this.#gatheredBytes += bytes.byteLength;
    if (this.#gatheredBytes >= GATHER_BYTES) await this.#flush();
  }

  async close(): Promise<WrittenFile> {
    await this.#flush();
    await this.#writing;
    await this.#sink.close(this.path);
    return { path: this.path, bytes: this.#bytes, sha256: this.#hash.finish() };
  }

  /** Begins to write what was gathered once the write before it is done. */
  async #flush(): Promise<void> {
    const pieces = this.#gathered;
    const total = this.#gatheredBytes;
    this.#gathered = [];
    this.#gatheredBytes = 0;
    await this.#writing;
    if (total === 0) return;
    const whole = pieces.length === 1 ? (pieces[0] ?? new Uint8Array(0)) : joined(pieces, total);
    this.#writing = this.#sink.write(this.path, whole);
    // Whoever writes or closes next hears of the failure.
    this.#writing.catch(() => undefined);
  }
}

function joined(pieces: readonly Uint8Array[], total: number): Uint8Array {
  const out = new Uint8Array(total);
  let at = 0;
  for (const piece of pieces) {
    out.set(piece, at);
    at += piece.byteLength;
  }
  return out;
}
