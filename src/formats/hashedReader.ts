/** Reads a file once from front to back: hashed block by block, the next block under way while one is used. */
import { throwIfAborted } from '../core/errors';
import { openFileHash, type FileHash } from './fileHash';
import type { ByteSource } from './source';

/** Large enough to stream well, small enough not to be noticed in memory: two are held at a time. */
const BLOCK_BYTES = 8 << 20;

export class HashedReader {
  readonly #source: ByteSource;
  readonly #signal: AbortSignal | undefined;
  readonly #hash: FileHash;
  readonly #blockBytes: number;
  #block: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  /** File offset of the block. */
  #begin = 0;
  #at = 0;
  #next: Promise<Uint8Array<ArrayBuffer>> | undefined;

  private constructor(
    source: ByteSource,
    hash: FileHash,
    blockBytes: number,
    signal: AbortSignal | undefined,
  ) {
    this.#source = source;
    this.#hash = hash;
    this.#blockBytes = blockBytes;
    this.#signal = signal;
    this.#readAhead();
  }

  static async open(
    source: ByteSource,
    { signal, blockBytes = BLOCK_BYTES }: { signal?: AbortSignal; blockBytes?: number } = {},
  ): Promise<HashedReader> {
    return new HashedReader(source, await openFileHash(source.size), blockBytes, signal);
  }

  /** Bytes read so far, of the file. */
  get at(): number {
    return this.#at;
  }

  /**
   * Bytes up to file offset `end`: at most `most`, a multiple of `unit` but at the end. A view that is valid until the
   * next call.
   */
  async next(end: number, most: number, unit: number): Promise<Uint8Array<ArrayBuffer>> {
    const wanted = Math.min(most, end - this.#at);
    let offset = this.#at - this.#begin;
    if (offset >= this.#block.byteLength) {
      await this.#advance();
      offset = 0;
    }
    const here = Math.min(wanted, this.#block.byteLength - offset);
    const whole = here === wanted ? here : Math.floor(here / unit) * unit;
    if (whole > 0) {
      this.#at += whole;
      return this.#block.subarray(offset, offset + whole);
    }
    // A unit that lies across blocks.
    const out = new Uint8Array(Math.min(unit, wanted));
    for (let done = 0; done < out.byteLength;) {
      const part = this.#block.subarray(offset, offset + out.byteLength - done);
      out.set(part, done);
      done += part.byteLength;
      this.#at += part.byteLength;
      if (done < out.byteLength) await this.#advance();
      offset = 0;
    }
    return out;
  }

  /** Goes on to file offset `end` without looking at what lies between. */
  async skip(end: number): Promise<void> {
    while (this.#begin + this.#block.byteLength < end) {
      await this.#advance();
      this.#at = this.#begin;
    }
    this.#at = Math.max(this.#at, end);
  }

  /** Reads what is left; lower-case hex of the SHA-256 of the whole file. */
  async digest(): Promise<string> {
    await this.skip(this.#source.size);
    await this.#giveBlock();
    return (await this.#hash.finish()).file;
  }

  async #advance(): Promise<void> {
    throwIfAborted(this.#signal);
    const reading = this.#next;
    if (!reading) throw new RangeError(`${this.#source.name}: read past its end`);
    this.#begin += this.#block.byteLength;
    await this.#giveBlock();
    this.#block = await reading;
    this.#next = undefined;
    this.#readAhead();
  }

  /** To the hash, which takes its memory. */
  async #giveBlock(): Promise<void> {
    const used = this.#block;
    this.#block = new Uint8Array(0);
    if (used.byteLength > 0) await this.#hash.give(used);
  }

  #readAhead(): void {
    const begin = this.#begin + this.#block.byteLength;
    const end = Math.min(this.#source.size, begin + this.#blockBytes);
    if (begin >= end) return;
    this.#next = this.#source.read(begin, end, this.#signal);
    // Whoever asks for the block hears of the failure; a reader that was given up must not end the process.
    this.#next.catch(() => undefined);
  }
}
