/**
 * Pruned weights without their zeros, as the sparse kernels read them. Kept values stand row after row in the weight's
 * own dtype, two 16-bit values to a word; where they belong is said in one of three ways:
 *
 * - bitmask: one bit per weight (rows padded to words) and exclusive prefix sums of the rows' counts.
 * - csr: a 16-bit column per value, two to a word, and the same offsets.
 * - km: one bit per weight; every group of `group` columns has exactly `keep` values, so that nothing needs counting.
 *
 * Offsets count from the first value of their shard.
 */
import type { FloatDtype } from '../core/dtypes';
import { DTYPE_BYTES } from '../core/dtypes';
import type { Groups } from '../core/sparseSizes';
import type { Recorder } from '../gpu/recorder';
import type { LabBuffer, Scope } from '../gpu/scope';

export const PACKED_FORMATS = ['bitmask', 'csr', 'km'] as const;
export type PackedFormat = (typeof PACKED_FORMATS)[number];

/** Arrays of some rows, before they go to the GPU. */
export interface PackedRows {
  /** In the weight's dtype. */
  values: Uint8Array<ArrayBuffer>;
  /** Mask words, or columns (csr). */
  index: Uint32Array<ArrayBuffer>;
  /** Of each row, then the number of values; empty for km. */
  offsets: Uint32Array<ArrayBuffer>;
}

/** Consecutive rows in buffers of their own. */
export interface PackedShard {
  rowBegin: number;
  rows: number;
  values: LabBuffer;
  index: LabBuffer;
  /** The index again where there are none: something must be bound. */
  offsets: LabBuffer;
}

export interface PackedWeight {
  name: string;
  rows: number;
  /** Divisible by 4. */
  cols: number;
  dtype: FloatDtype;
  format: PackedFormat;
  /** Of km. */
  groups: Groups | null;
  shards: PackedShard[];
  /** What the kernels read: padding of buffers left out. */
  bytes: number;
}

/** Whether a matrix of so many columns can be packed. */
export function packable(format: PackedFormat, cols: number, groups: Groups | null): boolean {
  if (cols % 4 !== 0) return false;
  if (format === 'csr') return cols <= 65536;
  return format === 'bitmask' || (groups !== null && 32 % groups.group === 0 && cols % groups.group === 0);
}

/**
 * Packs rows [rows, cols] given as bytes of `dtype` and mask words (`ceil(cols / 32)` to a row, padding bits 0). For km
 * a group with fewer kept values than `keep` is filled with pruned ones, which are stored as 0.
 */
export function packRows(
  bytes: Uint8Array,
  mask: Uint32Array,
  shape: { cols: number; dtype: FloatDtype },
  format: PackedFormat,
  groups: Groups | null = null,
): PackedRows {
  const { cols, dtype } = shape;
  const wordsPerRow = Math.ceil(cols / 32);
  const rows = mask.length / wordsPerRow;
  const stored = format === 'km' && groups ? filled(mask, cols, groups) : mask;
  const count = stored.reduce((sum, word) => sum + ones(word), 0);
  const width = DTYPE_BYTES[dtype];
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  const elements = aligned.byteLength / width;
  const from =
    width === 2
      ? new Uint16Array(aligned.buffer, aligned.byteOffset, elements)
      : new Uint32Array(aligned.buffer, aligned.byteOffset, elements);
  const values = width === 2 ? new Uint16Array(count) : new Uint32Array(count);
  const columns = format === 'csr' ? new Uint16Array(count + (count & 1)) : null;
  const offsets = new Uint32Array(format === 'km' ? 0 : rows + 1);
  let at = 0;
  for (let row = 0; row < rows; row++) {
    if (format !== 'km') offsets[row] = at;
    for (let w = 0; w < wordsPerRow; w++) {
      const place = row * wordsPerRow + w;
      const kept = mask[place] as number;
      for (let bits = stored[place] as number; bits !== 0; bits &= bits - 1) {
        const bit = 31 - Math.clz32(bits & -bits);
        const column = w * 32 + bit;
        values[at] = (kept >>> bit) & 1 ? (from[row * cols + column] as number) : 0;
        if (columns) columns[at] = column;
        at++;
      }
    }
  }
  if (format !== 'km') offsets[rows] = at;
  return {
    values: new Uint8Array(values.buffer),
    index: columns ? new Uint32Array(columns.buffer) : Uint32Array.from(stored),
    offsets,
  };
}

/** Most kept weights in any group of `group` columns; `group` divides 32 and the columns. */
export function mostKept(mask: Uint32Array, group: number): number {
  const whole = group === 32 ? 0xffffffff : 2 ** group - 1;
  let most = 0;
  for (const word of mask)
    for (let at = 0; at < 32; at += group) most = Math.max(most, ones((word >>> at) & whole));
  return most;
}

/** The mask with further bits, the lowest first, until every group holds `keep`. */
function filled(mask: Uint32Array, cols: number, { keep, group }: Groups): Uint32Array {
  const wordsPerRow = Math.ceil(cols / 32);
  return mask.map((word, i) => {
    let out = word;
    const columns = Math.min(32, cols - (i % wordsPerRow) * 32);
    for (let at = 0; at < columns; at += group) {
      let missing = keep - ones((word >>> at) & (group === 32 ? 0xffffffff : 2 ** group - 1));
      for (let bit = at; missing > 0 && bit < at + group; bit++) {
        if ((out >>> bit) & 1) continue;
        out |= 1 << bit;
        missing--;
      }
    }
    return out;
  });
}

/** Set bits of a 32-bit word. */
export function ones(word: number): number {
  let n = word - ((word >>> 1) & 0x55555555);
  n = (n & 0x33333333) + ((n >>> 2) & 0x33333333);
  return Math.imul((n + (n >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** Puts packed rows on the GPU; a shard of so many rows for each entry. Sizes of buffers are never 0. */
export function uploadPacked(
  rec: Recorder,
  scope: Scope,
  of: Omit<PackedWeight, 'shards' | 'bytes'>,
  shards: readonly { rowBegin: number; rows: number; packed: PackedRows }[],
): PackedWeight {
  const put = (data: Uint8Array<ArrayBuffer> | Uint32Array<ArrayBuffer>, label: string): LabBuffer => {
    const buffer = scope.alloc(data.byteLength, 'cache', `${label} of ${of.name}`);
    const bytes = new Uint8Array(Math.ceil(data.byteLength / 4) * 4);
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    if (bytes.byteLength > 0) rec.write(buffer, 0, bytes);
    return buffer;
  };
  let bytes = 0;
  const made = shards.map(({ rowBegin, rows, packed: { values, index, offsets } }): PackedShard => {
    const indexBuffer = put(index, 'places');
    bytes += values.byteLength + index.byteLength + offsets.byteLength;
    return {
      rowBegin,
      rows,
      values: put(values, 'values'),
      index: indexBuffer,
      offsets: offsets.length > 0 ? put(offsets, 'row offsets') : indexBuffer,
    };
  });
  return { ...of, shards: made, bytes };
}
