/** Masks as bits: row by row without padding, least significant bit first, 1 = kept (`masks.safetensors`). */

/** Bytes of a mask of `count` weights. */
export function maskBytes(count: number): number {
  return Math.ceil(count / 8);
}

/**
 * From the layout in GPU memory, `wordsPerRow` 32-bit words for each row of `cols` bits, to the flat one. Bits beyond
 * `cols` in a row are ignored. `transposed`: the file holds the weight as [cols, rows], and so the bits.
 */
export function packMask(
  words: Uint32Array,
  rows: number,
  cols: number,
  wordsPerRow: number,
  transposed = false,
): Uint8Array<ArrayBuffer> {
  if (words.length < rows * wordsPerRow || wordsPerRow * 32 < cols)
    throw new RangeError('mask words do not fit its shape');
  const packed = new Uint8Array(maskBytes(rows * cols));
  if (!transposed && cols % 8 === 0) {
    const bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
    for (let r = 0; r < rows; r++) {
      const begin = r * wordsPerRow * 4;
      packed.set(bytes.subarray(begin, begin + cols / 8), (r * cols) / 8);
    }
    return packed;
  }
  const set = (bit: number, r: number, c: number): void => {
    const word = words[r * wordsPerRow + (c >>> 5)] ?? 0;
    if ((word >>> (c & 31)) & 1) packed[bit >>> 3] = (packed[bit >>> 3] ?? 0) | (1 << (bit & 7));
  };
  if (transposed)
    for (let c = 0, bit = 0; c < cols; c++) for (let r = 0; r < rows; r++, bit++) set(bit, r, c);
  else for (let r = 0, bit = 0; r < rows; r++) for (let c = 0; c < cols; c++, bit++) set(bit, r, c);
  return packed;
}

/** Writes +0 over every weight whose bit is 0, in place; other bytes stay as they are. */
export function zeroMasked(bytes: Uint8Array, elementBytes: number, packed: Uint8Array): void {
  const count = bytes.byteLength / elementBytes;
  if (packed.byteLength !== maskBytes(count)) throw new RangeError('the mask does not fit the tensor');
  for (let i = 0; i < count; i++) {
    if (((packed[i >>> 3] ?? 0) >>> (i & 7)) & 1) continue;
    bytes.fill(0, i * elementBytes, (i + 1) * elementBytes);
  }
}

/**
 * Writes +0 over every weight whose bit is 0, in place, from the layout in GPU memory (see packMask); other bytes stay as
 * they are. `transposed`: the file holds the weight as [cols, rows].
 */
export function zeroPruned(
  bytes: Uint8Array<ArrayBuffer>,
  elementBytes: number,
  mask: { words: Uint32Array; rows: number; cols: number; wordsPerRow: number },
  transposed = false,
): void {
  const { words, rows, cols, wordsPerRow } = mask;
  if (bytes.byteLength !== rows * cols * elementBytes || words.length < rows * wordsPerRow)
    throw new RangeError('the mask does not fit the tensor');
  const weights =
    elementBytes === 2 ? new Uint16Array(bytes.buffer) : new Uint32Array(bytes.buffer, 0, rows * cols);
  for (let r = 0; r < rows; r++) {
    for (let k = 0; k < wordsPerRow; k++) {
      let pruned = ~(words[r * wordsPerRow + k] ?? 0);
      // From one pruned weight to the next; those beyond the row are padding.
      while (pruned !== 0) {
        const bit = 31 - Math.clz32(pruned & -pruned);
        pruned &= pruned - 1;
        const c = k * 32 + bit;
        if (c >= cols) break;
        weights[transposed ? c * rows + r : r * cols + c] = 0;
      }
    }
  }
}

/** Weights that are +0 or -0. `bytes` little-endian, of 2 (F16, BF16) or 4 (F32) bytes each. */
export function countZeros(bytes: Uint8Array, elementBytes: number): number {
  const { buffer, byteOffset, byteLength } = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  if (elementBytes === 2) {
    const words = new Int32Array(buffer, byteOffset, byteLength >> 2);
    return zeroHalves(words) + Number(byteLength % 4 === 2 && lastIsZero(bytes));
  }
  const words = new Int32Array(buffer, byteOffset, byteLength >> 2);
  let zeros = 0;
  // Without a branch: half of the weights are zero, and no processor guesses which.
  for (let i = 0; i < words.length; i++) zeros += (((words[i] as number) & 0x7fffffff) - 1) >>> 31;
  return zeros;
}

/** Words after which a count by halves may overflow. */
const COUNT_WORDS = 0x4000;

/** 16-bit zeros, two at a time: a magnitude plus 0x7fff has its top bit exactly where it is not zero. */
function zeroHalves(words: Int32Array): number {
  let zeros = 0;
  for (let begin = 0; begin < words.length; begin += COUNT_WORDS) {
    const end = Math.min(words.length, begin + COUNT_WORDS);
    let counts = 0;
    for (let i = begin; i < end; i++)
      counts += (~(((words[i] as number) & 0x7fff7fff) + 0x7fff7fff) & 0x80008000) >>> 15;
    zeros += (counts & 0xffff) + (counts >>> 16);
  }
  return zeros;
}

function lastIsZero(bytes: Uint8Array): boolean {
  const [low = 0, high = 0] = bytes.subarray(-2);
  return low === 0 && (high & 0x7f) === 0;
}
