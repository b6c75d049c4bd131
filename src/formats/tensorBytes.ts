/** The bytes of a tensor in its dtype, row-major, whatever form the file stores them in; in bounded pieces. */
import { DTYPE_BYTES } from '../core/dtypes';
import { throwIfAborted } from '../core/errors';
import { elementCount, type TensorEntry } from './safetensors';

/** Large enough to stream well, small enough not to be noticed in memory. */
export const PIECE_BYTES = 4 << 20;

export interface TensorPiece {
  /** In `entry.dtype`. */
  bytes: Uint8Array<ArrayBuffer>;
  /** Of the piece in the decoded tensor. */
  offset: number;
}

/** Bytes of the decoded tensor. */
export function decodedBytes(entry: TensorEntry): number {
  return entry.stored
    ? (elementCount(entry.shape) ?? NaN) * DTYPE_BYTES[entry.dtype]
    : entry.end - entry.begin;
}

/** Bytes to read from the file at a time: whole units, by fours, so that each piece begins on a 4-byte word. */
export function rawPieceBytes(entry: TensorEntry): number {
  const unit = entry.stored?.unitBytes ?? 1;
  return 4 * Math.max(1, Math.floor(PIECE_BYTES / unit / 4)) * unit;
}

/** The tensor from front to back. A piece holds whole rows where the file's form differs from the dtype. */
export async function* tensorPieces(
  entry: TensorEntry,
  signal?: AbortSignal,
): AsyncGenerator<TensorPiece, void, void> {
  const step = rawPieceBytes(entry);
  let offset = 0;
  for (let at = entry.begin; at < entry.end; at += step) {
    throwIfAborted(signal);
    const raw = await entry.source.read(at, Math.min(entry.end, at + step), signal);
    const bytes = entry.stored ? entry.stored.decode(raw) : raw;
    yield { bytes, offset };
    offset += bytes.byteLength;
  }
}

/** All of a small tensor. */
export async function wholeTensor(
  entry: TensorEntry,
  signal?: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  if (!entry.stored) return entry.source.read(entry.begin, entry.end, signal);
  const out = new Uint8Array(decodedBytes(entry));
  for await (const { bytes, offset } of tensorPieces(entry, signal)) out.set(bytes, offset);
  return out;
}
