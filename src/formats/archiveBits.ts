/** One matrix without its zeros, as the archive formats of compressed-tensors lay it out (docs/archive.md). Pure. */

export interface PackedMatrix {
  /** The kept weights row by row, in their dtype, little-endian. */
  values: Uint8Array<ArrayBuffer>;
  /** [rows, ceil(cols / 8)]; bit j of byte b is column 8b + j, 1 where the weight is among `values`. */
  bitmask: Uint8Array<ArrayBuffer>;
  /** Little-endian 64-bit number of values before each row. */
  rowOffsets: Uint8Array<ArrayBuffer>;
  kept: number;
}

/** Makes every -0 a +0, in place: the formats store no sign of a zero. `bytes`: floats of 2 or 4 bytes. */
export function dropNegativeZeros(bytes: Uint8Array, width: number): void {
  for (let at = 0; at < bytes.byteLength; at += width)
    if (isZero(bytes, at, width)) bytes[at + width - 1] = 0;
}

/** Keeps what is not zero. `bytes`: rows x cols floats of `width` bytes, row-major. */
export function packBitmask(bytes: Uint8Array, width: number, rows: number, cols: number): PackedMatrix {
  return pack(bytes, width, rows, cols, (at) => (isZero(bytes, at, width) ? 0 : 1), 1);
}

/**
 * Keeps exactly two of every four consecutive weights of a row: the non-zeros, and the first zeros where there are
 * fewer. RangeError when a group has more than two non-zeros or a row is not whole groups.
 */
export function pack24(bytes: Uint8Array, width: number, rows: number, cols: number): PackedMatrix {
  if (cols % 4 !== 0) throw new RangeError(`${cols} columns are not whole groups of four`);
  const groupOf = (at: number): number => {
    let bits = 0;
    let kept = 0;
    for (let i = 0; i < 4; i++)
      if (!isZero(bytes, at + i * width, width)) {
        bits |= 1 << i;
        kept++;
      }
    if (kept > 2) throw new RangeError('a group of four has more than two weights that are not zero');
    for (let i = 0; kept < 2; i++)
      if (((bits >> i) & 1) === 0) {
        bits |= 1 << i;
        kept++;
      }
    return bits;
  };
  return pack(bytes, width, rows, cols, groupOf, 4);
}

/** `bitsAt`: for the `step` weights from byte `at` on, which are kept. */
function pack(
  bytes: Uint8Array,
  width: number,
  rows: number,
  cols: number,
  bitsAt: (at: number) => number,
  step: 1 | 4,
): PackedMatrix {
  if (bytes.byteLength !== rows * cols * width) throw new RangeError('the bytes do not fit the shape');
  const stride = Math.ceil(cols / 8);
  const bitmask = new Uint8Array(rows * stride);
  const rowOffsets = new Uint8Array(rows * 8);
  const offsets = new DataView(rowOffsets.buffer);
  const values = new Uint8Array(bytes.byteLength);
  let kept = 0;
  for (let r = 0; r < rows; r++) {
    offsets.setBigUint64(r * 8, BigInt(kept), true);
    for (let c = 0; c < cols; c += step) {
      const from = (r * cols + c) * width;
      const bits = bitsAt(from);
      const byte = r * stride + (c >> 3);
      bitmask[byte] = (bitmask[byte] ?? 0) | (bits << (c & 7));
      for (let i = 0; i < step; i++) {
        if (((bits >> i) & 1) === 0) continue;
        for (let b = 0; b < width; b++) values[kept * width + b] = bytes[from + i * width + b] ?? 0;
        kept++;
      }
    }
  }
  return { values: values.subarray(0, kept * width), bitmask, rowOffsets, kept };
}

function isZero(bytes: Uint8Array, at: number, width: number): boolean {
  let rest = (bytes[at + width - 1] ?? 0) & 0x7f;
  for (let b = 0; b < width - 1; b++) rest |= bytes[at + b] ?? 0;
  return rest === 0;
}
