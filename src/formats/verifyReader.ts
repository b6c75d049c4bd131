/**
 * Reads an exported file from front to back for verifyExport: in large blocks, the next one under way ahead of time,
 * each given away once it was used.
 */
import type { ExportedFolder } from './verifyExport';

/** Bytes of a block. */
export const BLOCK = 8 << 20;

type Block = Uint8Array<ArrayBuffer>;

export class BlockReader {
  readonly #folder: ExportedFolder;
  readonly #path: string;
  readonly #size: number;
  readonly #used: (block: Block) => Promise<void>;
  /** By number: the one at hand, and the next. */
  readonly #blocks = new Map<number, Promise<Block>>();

  /** `used`: takes every block of the file in order. */
  constructor(folder: ExportedFolder, path: string, size: number, used: (block: Block) => Promise<void>) {
    this.#folder = folder;
    this.#path = path;
    this.#size = size;
    this.#used = used;
  }

  /** Bytes [begin, end), at most a block of them, not before those read last. They are valid until the next call. */
  async read(begin: number, end: number): Promise<Uint8Array> {
    const index = Math.floor(begin / BLOCK);
    const block = await this.#block(index);
    const from = begin - index * BLOCK;
    const here = block.subarray(from, Math.min(block.byteLength, from + end - begin));
    if (begin + here.byteLength >= end || (index + 1) * BLOCK >= this.#size) return here;
    const out = new Uint8Array(end - begin);
    const { byteLength } = here;
    out.set(here);
    // Takes the memory of the block before it.
    const next = await this.#block(index + 1);
    out.set(next.subarray(0, end - begin - byteLength), byteLength);
    return out;
  }

  /** Gives away what is left. */
  async finish(): Promise<void> {
    await this.#release(Infinity);
  }

  async #block(index: number): Promise<Block> {
    await this.#release(index);
    const found = this.#open(index);
    if ((index + 1) * BLOCK < this.#size) void this.#open(index + 1);
    return found;
  }

  async #release(before: number): Promise<void> {
    for (const [index, block] of [...this.#blocks].sort(([a], [b]) => a - b)) {
      if (index >= before) return;
      this.#blocks.delete(index);
      await this.#used(await block);
    }
  }

  #open(index: number): Promise<Block> {
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
