/** Reads an exported file from front to back for verifyExport: in large blocks, the next one under way ahead of time. */
import type { ExportedFolder } from './verifyExport';

const BLOCK = 8 << 20;

export class BlockReader {
  readonly #folder: ExportedFolder;
  readonly #path: string;
  readonly #size: number;
  /** By number: the one before, the one at hand, the next. */
  readonly #blocks = new Map<number, Promise<Uint8Array>>();

  constructor(folder: ExportedFolder, path: string, size: number) {
    this.#folder = folder;
    this.#path = path;
    this.#size = size;
  }

  /** Bytes [begin, end), at most a block of them. */
  async read(begin: number, end: number): Promise<Uint8Array> {
    const index = Math.floor(begin / BLOCK);
    const block = await this.#block(index);
    const from = begin - index * BLOCK;
    const here = block.subarray(from, Math.min(block.byteLength, from + end - begin));
    if (begin + here.byteLength >= end || (index + 1) * BLOCK >= this.#size) return here;
    const next = await this.#block(index + 1);
    const out = new Uint8Array(end - begin);
    out.set(here);
    out.set(next.subarray(0, end - begin - here.byteLength), here.byteLength);
    return out;
  }

  async #block(index: number): Promise<Uint8Array> {
    for (const old of this.#blocks.keys()) if (old < index - 1) this.#blocks.delete(old);
    const found = this.#open(index);
    if ((index + 1) * BLOCK < this.#size) void this.#open(index + 1);
    return found;
  }

  #open(index: number): Promise<Uint8Array> {
    let found = this.#blocks.get(index);
    if (!found) {
      found = this.#folder.read(this.#path, index * BLOCK, Math.min(this.#size, (index + 1) * BLOCK));
      // Whoever reads the block hears of the failure.
      found.catch(() => undefined);
      this.#blocks.set(index, found);
    }
    return found;
  }
}
