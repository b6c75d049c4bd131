/**
 * Writes a pruned model. Where sizes do not change, an exported weight file is the input file with the bytes of the
 * pruned tensors replaced; header, order, metadata and every other byte stay. Where tensors are smaller, the header is
 * written anew, with the same order and metadata. Streams in bounded pieces.
 */
import { DTYPE_BYTES } from '../core/dtypes';
import { LabError, throwIfAborted } from '../core/errors';
import { openFileHash, type FileHash } from './fileHash';
import type { OpenedModel } from './hfModel';
import { isJsonObject, parseJson, readText } from './json';
import { countZeros } from './masks';
import type { TensorEntry } from './safetensors';
import { safetensorsPrefix, tensorBytes, type TensorSpec } from './safetensorsWriter';
import type { ExportSink } from './sink';
import type { ByteSource } from './source';
import { tensorPieces } from './tensorBytes';

export interface WriteOptions {
  /** New bytes of a tensor, in its shape and in memory of their own, or null when it stays as it is. */
  changed(name: string): Promise<Uint8Array<ArrayBuffer> | null>;
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
    const writer = await FileWriter.create(sink, target, source.size, options.signal);
    const tensors = [...model.tensors.values()]
      .filter((t) => t.file === path)
      .sort((a, b) => a.begin - b.begin);
    let at = 0;
    for (const tensor of tensors) {
      // The header, and tensors that no index names.
      await copyRange(source, at, tensor.begin, writer, progress);
      await writeTensor(tensor, writer, options, written, progress);
      define(written.shapes, tensor.name, tensor.shape);
      at = tensor.end;
    }
    await copyRange(source, at, source.size, writer, progress);
    await closeWeights(writer, written);
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
  written.files.push(await writeText(sink, indexPath, `${changed}\n`, options.signal));
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
  for (const { path, of } of files) {
    const tensors = all.filter((t) => of === undefined || t.file === of);
    if (of !== undefined) tensors.sort((a, b) => a.begin - b.begin);
    const metadata = (of === undefined ? undefined : model.metadata.get(of)) ?? { format: 'pt' };
    const bytes = tensors.reduce((sum, t) => sum + tensorBytes(reshaped(t, options)), 0);
    const writer = await FileWriter.create(sink, path, bytes, options.signal);
    await writer.write(
      safetensorsPrefix(
        tensors.map((t) => reshaped(t, options)),
        metadata,
      ),
    );
    for (const tensor of tensors) {
      await writeTensor(tensor, writer, options, written, progress);
      define(written.shapes, tensor.name, [...reshaped(tensor, options).shape]);
    }
    await closeWeights(writer, written);
  }
  return written;
}

/** Closes a file of weights and keeps its hashes. */
export async function closeWeights(writer: FileWriter, written: WrittenWeights): Promise<void> {
  const { tensors, ...file } = await writer.close();
  written.files.push(file);
  for (const [name, sha256] of Object.entries(tensors)) define(written.tensors, name, sha256);
}

function reshaped({ name, dtype, shape }: TensorEntry, { shapes }: WriteOptions): TensorSpec {
  return { name, dtype, shape: shapes?.get(name) ?? shape };
}

async function writeTensor(
  tensor: TensorEntry,
  writer: FileWriter,
  options: WriteOptions,
  written: WrittenWeights,
  progress: (bytes: number) => void,
): Promise<void> {
  const replaced = await options.changed(tensor.name);
  const expected = tensorBytes(reshaped(tensor, options));
  writer.tensor(tensor.name, expected);
  if (!replaced) {
    for await (const { bytes } of tensorPieces(tensor, writer.signal)) {
      const { byteLength } = bytes;
      await writer.give(bytes);
      progress(byteLength);
    }
    return;
  }
  if (replaced.byteLength !== expected) {
    throw new LabError('InternalError', `${tensor.name}: ${replaced.byteLength} new bytes for ${expected}.`);
  }
  if (tensor.shape.length === 2) {
    const size = DTYPE_BYTES[tensor.dtype];
    define(written.matrices, tensor.name, { zeros: countZeros(replaced, size), count: expected / size });
  }
  await writer.give(replaced);
  progress(expected);
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
): Promise<void> {
  for (let at = begin; at < end; at += CHUNK_BYTES) {
    const chunk = await source.read(at, Math.min(end, at + CHUNK_BYTES), writer.signal);
    const { byteLength } = chunk;
    await writer.give(chunk);
    progress(byteLength);
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
  const writer = await FileWriter.create(sink, path, source.size, signal);
  await copyRange(source, 0, source.size, writer, () => undefined);
  return closed(writer);
}

/** Writes a small text. */
export async function writeText(
  sink: ExportSink,
  path: string,
  text: string,
  signal?: AbortSignal,
): Promise<WrittenFile> {
  const bytes = new TextEncoder().encode(text);
  const writer = await FileWriter.create(sink, path, bytes.byteLength, signal);
  await writer.write(bytes);
  return closed(writer);
}

/** Closes a file without tensors. */
export async function closed(writer: FileWriter): Promise<WrittenFile> {
  const { path, bytes, sha256 } = await writer.close();
  return { path, bytes, sha256 };
}

/** Small pieces go to the sink together. */
const GATHER_BYTES = 4 << 20;
const LEAST_BYTES = 64 << 10;
/** Pieces of this size are written as they are: gathering would copy them, and a sink may copy what it gets. */
const AS_IS = { least: 512 << 10, most: 16 << 20 };

/** A file in a sink, hashed when it is written: all of it, and its tensors. */
export class FileWriter {
  readonly path: string;
  readonly signal: AbortSignal | undefined;
  readonly #sink: ExportSink;
  readonly #hash: FileHash;
  readonly #blockBytes: number;
  readonly #tensors: string[] = [];
  #bytes = 0;
  /** Not written yet: the first of these bytes. */
  #block = new Uint8Array(0);
  #filled = 0;
  /** Under way while the next pieces are made. */
  #writing: Promise<void> = Promise.resolve();

  private constructor(
    sink: ExportSink,
    path: string,
    { hash, bytes, signal }: { hash: FileHash; bytes: number; signal: AbortSignal | undefined },
  ) {
    this.#sink = sink;
    this.path = path;
    this.#hash = hash;
    this.#blockBytes = Math.min(GATHER_BYTES, Math.max(LEAST_BYTES, bytes));
    this.signal = signal;
  }

  /** `bytes`: how long the file will be, roughly. */
  static async create(
    sink: ExportSink,
    path: string,
    bytes: number,
    signal?: AbortSignal,
  ): Promise<FileWriter> {
    throwIfAborted(signal);
    const hash = await openFileHash(bytes);
    await sink.create(path);
    return new FileWriter(sink, path, { hash, bytes, signal });
  }

  /** The next `bytes` bytes are a tensor's, which gets a hash of its own. */
  tensor(name: string, bytes: number): void {
    this.#tensors.push(name);
    this.#hash.range(this.#bytes, this.#bytes + bytes);
  }

  /** `bytes` may be used again when this resolves. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.byteLength;) {
      throwIfAborted(this.signal);
      if (this.#block.byteLength === 0) this.#block = new Uint8Array(this.#blockBytes);
      const part = bytes.subarray(at, at + this.#block.byteLength - this.#filled);
      this.#block.set(part, this.#filled);
      this.#filled += part.byteLength;
      at += part.byteLength;
      if (this.#filled === this.#block.byteLength) await this.#flush();
    }
    this.#bytes += bytes.byteLength;
  }

  /** As write, for bytes in memory of their own, which nobody may use again. */
  async give(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const { byteLength } = bytes;
    if (byteLength < AS_IS.least || byteLength > AS_IS.most) return this.write(bytes);
    throwIfAborted(this.signal);
    await this.#flush();
    await this.#send(bytes);
    this.#bytes += byteLength;
  }

  async close(): Promise<WrittenFile & { tensors: Record<string, string> }> {
    await this.#flush();
    await this.#writing;
    await this.#sink.close(this.path);
    const { file, ranges } = await this.#hash.finish();
    const tensors: Record<string, string> = {};
    this.#tensors.forEach((name, i) => define(tensors, name, ranges[i] ?? ''));
    return { path: this.path, bytes: this.#bytes, sha256: file, tensors };
  }

  async #flush(): Promise<void> {
    const filled = this.#block.subarray(0, this.#filled);
    this.#block = new Uint8Array(0);
    this.#filled = 0;
    if (filled.byteLength > 0) await this.#send(filled);
  }

  /** Begins to write once the write before it is done; what was written is hashed. */
  async #send(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#writing;
    this.#writing = this.#sink.write(this.path, bytes).then(() => this.#hash.give(bytes));
    // Whoever writes or closes next hears of the failure.
    this.#writing.catch(() => undefined);
  }
}
