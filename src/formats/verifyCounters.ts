/** Counting for verifyExport: what is zero in the bytes of a matrix, with no help from the writers. */

/** Counts zeros, groups with too many non-zeros, and non-zeros under a mask, over the bytes of one matrix. */
export class ZeroCounter {
  zeros = 0;
  count = 0;
  groups = 0;
  fullGroups = 0;
  unmasked = 0;
  readonly #width: number;
  readonly #pattern: { keep: number; group: number } | null;
  readonly #mask: Uint8Array | null;
  /** Non-zeros of the group at hand, of every output side by side in the file. */
  readonly #inGroup: Uint32Array;

  /** `beside`: outputs that a row of the file holds, 1 where a row is one output. */
  constructor(
    width: number,
    pattern: { keep: number; group: number } | null,
    mask: Uint8Array | null,
    beside = 1,
  ) {
    this.#width = width;
    this.#pattern = pattern;
    this.#mask = mask;
    this.#inGroup = new Uint32Array(pattern ? beside : 0);
  }

  /** `bytes` hold whole weights: chunks are multiples of four bytes from the tensor's beginning. */
  add(bytes: Uint8Array): void {
    if (!this.#mask && !this.#pattern) {
      this.#plain(bytes);
      return;
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at < bytes.byteLength; at += this.#width) {
      const magnitude =
        this.#width === 2 ? view.getUint16(at, true) & 0x7fff : view.getUint32(at, true) & 0x7fffffff;
      this.weight(magnitude !== 0);
    }
  }

  /** Zeros alone, a word at a time. */
  #plain(bytes: Uint8Array): void {
    const { buffer, byteOffset, byteLength } = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
    const length = byteLength / this.#width;
    let zeros = 0;
    if (this.#width === 2) {
      const words = new Uint16Array(buffer, byteOffset, length);
      // Without a branch: no processor guesses which weights are zero.
      for (let i = 0; i < length; i++) zeros += (((words[i] as number) & 0x7fff) - 1) >>> 31;
    } else {
      const words = new Uint32Array(buffer, byteOffset, length);
      for (let i = 0; i < length; i++) zeros += (((words[i] as number) & 0x7fffffff) - 1) >>> 31;
    }
    this.zeros += zeros;
    this.count += length;
  }

  protected weight(kept: boolean): void {
    if (!kept) this.zeros++;
    if (this.#mask && kept && (((this.#mask[this.count >> 3] ?? 0) >> (this.count & 7)) & 1) === 0)
      this.unmasked++;
    if (this.#pattern) this.#group(kept, this.#pattern);
    this.count++;
  }

  #group(kept: boolean, pattern: { keep: number; group: number }): void {
    const beside = this.#inGroup.length;
    const output = this.count % beside;
    const now = (this.#inGroup[output] ?? 0) + (kept ? 1 : 0);
    const last = (Math.floor(this.count / beside) + 1) % pattern.group === 0;
    this.#inGroup[output] = last ? 0 : now;
    if (!last) return;
    this.groups++;
    if (now > pattern.keep) this.fullGroups++;
  }
}

/** The same over blocks of Q8_0: two bytes of scale, then 32 weights, in chunks cut anywhere. */
export class BlockZeroCounter extends ZeroCounter {
  #inBlock = 0;
  #scale = 0;

  override add(bytes: Uint8Array): void {
    for (const byte of bytes) {
      if (this.#inBlock === 0) this.#scale = byte;
      else if (this.#inBlock === 1) this.#scale |= (byte & 0x7f) << 8;
      else this.weight(byte !== 0 && this.#scale !== 0);
      this.#inBlock = (this.#inBlock + 1) % 34;
    }
  }
}
