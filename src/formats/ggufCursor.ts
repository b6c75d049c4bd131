/** Reads little-endian values one after the other through a window, each compared with the bytes that exist. */
import { LabError } from '../core/errors';
import { decodeUtf8 } from './json';
import type { ByteSource } from './source';

/** One read of this size holds most headers' numbers; vocabularies of some MB take a few. */
const WINDOW_BYTES = 1 << 20;

export class GgufCursor {
  readonly source: ByteSource;
  /** Absolute byte offset of the next value. */
  at: number;
  /** No value may reach beyond this byte. */
  readonly end: number;
  readonly #signal: AbortSignal | undefined;
  #bytes = new Uint8Array(0);
  #view = new DataView(this.#bytes.buffer);
  #begin = 0;

  constructor(source: ByteSource, begin: number, end: number, signal?: AbortSignal) {
    this.source = source;
    this.at = begin;
    this.end = end;
    this.#signal = signal;
  }

  get remaining(): number {
    return this.end - this.at;
  }

  /** Whether the next `count` bytes are in the window: then the readers below may be called. */
  has(count: number): boolean {
    return this.at >= this.#begin && this.at + count <= this.#begin + this.#bytes.byteLength;
  }

  /** Brings the next `count` bytes into the window. FormatError when the file ends before them. */
  async need(count: number, what: string): Promise<void> {
    if (count > this.remaining) throw this.damaged(`ends inside ${what}`);
    if (this.has(count)) return;
    const end = Math.min(this.end, this.at + Math.max(count, WINDOW_BYTES));
    this.#bytes = await this.source.read(this.at, end, this.#signal);
    this.#view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.byteLength);
    this.#begin = this.at;
  }

  u8(): number {
    return this.#view.getUint8(this.#step(1));
  }

  u32(): number {
    return this.#view.getUint32(this.#step(4), true);
  }

  /** Infinity beyond 2^53: no count, length or offset of a real file is. */
  u64(): number {
    const value = this.#view.getBigUint64(this.#step(8), true);
    return value > BigInt(Number.MAX_SAFE_INTEGER) ? Infinity : Number(value);
  }

  /** The next `count` bytes as a view of the window. */
  view(count: number): DataView {
    const begin = this.#step(count);
    return new DataView(this.#view.buffer, this.#view.byteOffset + begin, count);
  }

  /** A string of at most `limit` bytes with its length in front. */
  async string(limit: number, what: string): Promise<string> {
    await this.need(8, what);
    const length = this.u64();
    if (length > this.remaining) throw this.damaged(`${what} is said to have ${length} bytes`);
    if (length > limit) throw this.damaged(`${what} has ${length} bytes, more than the limit of ${limit}`);
    await this.need(length, what);
    const view = this.view(length);
    return decodeUtf8(
      `${this.source.name}: ${what}`,
      new Uint8Array(view.buffer, view.byteOffset, view.byteLength),
    );
  }

  damaged(what: string): LabError {
    return new LabError(
      'FormatError',
      `${this.source.name}: ${what} (byte ${this.at}).`,
      'The file is damaged or incomplete; fetch it again.',
    );
  }

  #step(count: number): number {
    const offset = this.at - this.#begin;
    this.at += count;
    return offset;
  }
}
