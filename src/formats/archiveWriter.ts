/**
 * Writes the weight files of an archive: each pruned matrix as the tensors that its format has in place of
 * `….weight`, everything else as it is. One matrix is in memory at a time.
 */
import { DTYPE_BYTES } from '../core/dtypes';
import { LabError } from '../core/errors';
import type { ArchiveFormat } from './archive';
import { dropNegativeZeros, pack24, packBitmask, type PackedMatrix } from './archiveBits';
import {
  closeWeights,
  define,
  FileWriter,
  writeText,
  type WriteOptions,
  type WrittenWeights,
} from './exportWriter';
import type { OpenedModel } from './hfModel';
import { isJsonObject, parseJson, readText } from './json';
import { countZeros } from './masks';
import type { TensorEntry } from './safetensors';
import { safetensorsPrefix, tensorBytes, type TensorSpec } from './safetensorsWriter';
import { sha256Stream } from './sha256';
import type { ExportSink } from './sink';
import { tensorPieces } from './tensorBytes';

export interface ArchiveRequest {
  format: ArchiveFormat;
  /** Weights that are not zero, of every matrix to pack, by tensor name: the header needs them before the bytes. */
  kept: ReadonlyMap<string, number>;
}

type WrittenArchive = WrittenWeights & Required<Pick<WrittenWeights, 'dense'>>;

/** One tensor of the file, of a tensor of the model: all of it, or a part of what it is packed as. */
interface Piece {
  spec: TensorSpec;
  of: TensorEntry;
  part: 'shape' | 'values' | 'bitmask' | 'rowOffsets' | null;
}

const CHUNK_BYTES = 4 << 20;
const INDEX_BYTES = 32 << 20;

/**
 * Writes every weight file and the shard index where there is one. `options.changed` gives the bytes of a packed
 * matrix, anew each time it is asked: a file holds its tensors by the size of their elements, so that all are aligned,
 * and the parts of a matrix are written in turns. Its zeros become +0. VerifyError when the zeros are not as announced.
 */
export async function writeArchive(
  model: OpenedModel,
  sink: ExportSink,
  archive: ArchiveRequest,
  options: WriteOptions,
): Promise<WrittenArchive> {
  const written: WrittenArchive = { files: [], tensors: {}, shapes: {}, matrices: {}, dense: {} };
  const fileOf = (path: string): string => (model.indexPath === null ? 'model.safetensors' : path);
  const files = (model.gguf ? [null] : model.weightFiles.map(({ path }) => path)).map((of) => {
    const tensors = [...model.tensors.values()].filter((t) => of === null || t.file === of);
    const pieces = tensors.flatMap((t) => piecesOf(t, archive));
    pieces.sort((a, b) => DTYPE_BYTES[b.spec.dtype] - DTYPE_BYTES[a.spec.dtype]);
    return { of, path: of === null ? 'model.safetensors' : fileOf(of), pieces };
  });
  const total = files.flatMap(({ pieces }) => pieces).reduce((sum, { spec }) => sum + tensorBytes(spec), 0);
  let doneBytes = 0;
  for (const { of, path, pieces } of files) {
    const size = pieces.reduce((sum, { spec }) => sum + tensorBytes(spec), 0);
    const writer = await FileWriter.create(sink, path, size, options.signal);
    const metadata = (of === null ? undefined : model.metadata.get(of)) ?? { format: 'pt' };
    await writer.write(
      safetensorsPrefix(
        pieces.map(({ spec }) => spec),
        metadata,
      ),
    );
    for (const piece of pieces) {
      writer.tensor(piece.spec.name, tensorBytes(piece.spec));
      for await (const bytes of bytesOf(piece, archive, options, written)) {
        await writer.write(bytes);
        doneBytes += bytes.byteLength;
        options.onProgress?.(doneBytes, total);
      }
      define(written.shapes, piece.spec.name, [...piece.spec.shape]);
    }
    await closeWeights(writer, written);
  }
  if (model.indexPath !== null) {
    const text = await readText(await model.files.open(model.indexPath), INDEX_BYTES, options.signal);
    const index = parseJson(model.indexPath, text);
    const metadata = isJsonObject(index) ? index['metadata'] : undefined;
    const weightMap = files.flatMap(({ path, pieces }) => pieces.map(({ spec }) => [spec.name, path]));
    const said = { ...(isJsonObject(metadata) ? metadata : {}), total_size: total };
    const out = { ...(isJsonObject(index) ? index : {}), metadata: said, weight_map: Object.fromEntries(weightMap) as unknown }; // prettier-ignore
    written.files.push(
      await writeText(sink, model.indexPath, `${JSON.stringify(out, null, 2)}\n`, options.signal),
    );
  }
  return written;
}

function piecesOf(tensor: TensorEntry, { format, kept }: ArchiveRequest): Piece[] {
  const count = kept.get(tensor.name);
  const { name, dtype, shape } = tensor;
  if (count === undefined) return [{ spec: { name, dtype, shape }, of: tensor, part: null }];
  const [rows = 0, cols = 0] = shape;
  const stem = name.replace(/\.weight$/, '');
  const is24 = format === 'sparse-24-bitmask';
  const piece = (part: Piece['part'], as: string, type: TensorSpec['dtype'], size: number[]): Piece => ({
    spec: { name: `${stem}.${as}`, dtype: type, shape: size },
    of: tensor,
    part,
  });
  return [
    piece('shape', 'shape', 'I64', is24 ? [2, 1] : [2]),
    piece('values', 'compressed', dtype, is24 ? [rows, cols / 2] : [count]),
    piece('bitmask', 'bitmask', 'U8', [rows, Math.ceil(cols / 8)]),
    ...(is24 ? [] : [piece('rowOffsets', 'row_offsets', 'I64', [rows])]),
  ];
}

async function* bytesOf(
  { of, part }: Piece,
  archive: ArchiveRequest,
  options: WriteOptions,
  written: WrittenArchive,
): AsyncGenerator<Uint8Array, void, void> {
  if (part === null) {
    for await (const { bytes } of tensorPieces(of, options.signal)) yield bytes;
    return;
  }
  if (part === 'shape') {
    yield new Uint8Array(BigInt64Array.from(of.shape, BigInt).buffer);
    return;
  }
  const dense = await denseBytes(of, options);
  const parts = packMatrix(of, archive.format, dense);
  if (part === 'values') await note(of, archive, dense, written);
  const bytes = parts[part];
  for (let at = 0; at < bytes.byteLength; at += CHUNK_BYTES) yield bytes.subarray(at, at + CHUNK_BYTES);
}

async function denseBytes(of: TensorEntry, options: WriteOptions): Promise<Uint8Array> {
  const bytes = await options.changed(of.name);
  const expected = tensorBytes(of);
  if (bytes?.byteLength !== expected)
    throw new LabError(
      'InternalError',
      `${of.name}: ${bytes?.byteLength ?? 'no'} new bytes for ${expected}.`,
    );
  dropNegativeZeros(bytes, DTYPE_BYTES[of.dtype]);
  return bytes;
}

function packMatrix(
  { name, dtype, shape }: TensorEntry,
  format: ArchiveFormat,
  dense: Uint8Array,
): PackedMatrix {
  const [rows = 0, cols = 0] = shape;
  try {
    return (format === 'sparse-24-bitmask' ? pack24 : packBitmask)(dense, DTYPE_BYTES[dtype], rows, cols);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new LabError(
      'SpecError',
      `${name} does not fit sparse-24-bitmask: ${cause.message}.`,
      'Use --archive sparse-bitmask, which holds any zeros.',
      { cause },
    );
  }
}

/** Counts and hash of the matrix as it is written. */
async function note(
  of: TensorEntry,
  { kept }: ArchiveRequest,
  dense: Uint8Array,
  written: WrittenArchive,
): Promise<void> {
  const width = DTYPE_BYTES[of.dtype];
  const count = dense.byteLength / width;
  const zeros = countZeros(dense, width);
  const announced = count - (kept.get(of.name) ?? 0);
  if (zeros !== announced)
    throw new LabError(
      'VerifyError',
      `${of.name}: ${zeros} zeros were to be written where ${announced} were measured.`,
      'Run again; report this when it happens twice.',
    );
  const hash = await sha256Stream();
  hash.update(dense);
  define(written.dense, of.name, hash.finish());
  define(written.matrices, of.name, { zeros, count });
}
