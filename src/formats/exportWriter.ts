/**
 * Writes a pruned model. Sizes and types do not change, so an exported weight file is the input file with the bytes
 * of the pruned tensors replaced; header, order, metadata and every other byte stay. Streams in bounded pieces.
 */
import { DTYPE_BYTES } from '../core/dtypes';
import { LabError, throwIfAborted } from '../core/errors';
import type { OpenedModel } from './hfModel';
import { countZeros } from './masks';
import type { TensorEntry } from './safetensors';
import { safetensorsPrefix } from './safetensorsWriter';
import { sha256Stream, type Sha256Stream } from './sha256';
import type { ExportSink } from './sink';
import type { ByteSource } from './source';
import { decodedBytes, tensorPieces } from './tensorBytes';

export interface WriteOptions {
  /** New bytes of a tensor, of the same length, or null when it stays as it is. */
  changed(name: string): Promise<Uint8Array | null>;
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
  /** Of the tensors that were changed, counted in the bytes written; +0 and -0 count. */
  matrices: Record<string, { zeros: number; count: number }>;
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
  if (model.gguf) return writeAnew(model, sink, options);
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

/** A safetensors file of its own, with the tensors in the order of the file that they came from. */
async function writeAnew(
  model: OpenedModel,
  sink: ExportSink,
  options: WriteOptions,
): Promise<WrittenWeights> {
  const written: WrittenWeights = { files: [], tensors: {}, shapes: {}, matrices: {} };
  const tensors = [...model.tensors.values()];
  const total = tensors.reduce((sum, t) => sum + decodedBytes(t), 0);
  let doneBytes = 0;
  const progress = (bytes: number): void => {
    doneBytes += bytes;
    options.onProgress?.(doneBytes, total);
  };
  const writer = await FileWriter.create(sink, 'model.safetensors', options.signal);
  await writer.write(safetensorsPrefix(tensors, { format: 'pt' }));
  const tensorHash = await sha256Stream();
  for (const tensor of tensors) {
    await writeTensor(tensor, writer, tensorHash, options, written, progress);
    define(written.tensors, tensor.name, tensorHash.finish());
    define(written.shapes, tensor.name, tensor.shape);
  }
  written.files.push(await writer.close());
  return written;
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
  if (replaced.byteLength !== decodedBytes(tensor)) {
    throw new LabError(
      'InternalError',
      `${tensor.name}: ${replaced.byteLength} new bytes for ${decodedBytes(tensor)}.`,
    );
  }
  for (let at = 0; at < replaced.byteLength; at += CHUNK_BYTES) {
    const chunk = replaced.subarray(at, at + CHUNK_BYTES);
    hash.update(chunk);
    await writer.write(chunk);
    progress(chunk.byteLength);
  }
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

/** A file in a sink, hashed while it is written. */
export class FileWriter {
  readonly path: string;
  readonly signal: AbortSignal | undefined;
  readonly #sink: ExportSink;
  readonly #hash: Sha256Stream;
  #bytes = 0;

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

  async write(bytes: Uint8Array): Promise<void> {
    throwIfAborted(this.signal);
    this.#hash.update(bytes);
    this.#bytes += bytes.byteLength;
    await this.#sink.write(this.path, bytes);
  }

  async close(): Promise<WrittenFile> {
    await this.#sink.close(this.path);
    return { path: this.path, bytes: this.#bytes, sha256: this.#hash.finish() };
  }
}
