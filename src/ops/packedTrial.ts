/** Made-up pruned weights, packed and as they were, for trying the packed kernels. */
import { DTYPE_BYTES, fromF32, type FloatDtype } from '../core/dtypes';
import type { Groups } from '../core/sparseSizes';
import { Rng } from '../core/rng';
import type { Recorder } from '../gpu/recorder';
import { packRows, uploadPacked, type PackedFormat, type PackedRows, type PackedWeight } from './packed';
import { normals, upload, uploadWeight, type Place, type TrialWeight } from './trial';
import type { MaskBuffer } from './types';

export interface PackedTrial extends TrialWeight {
  packed: PackedWeight;
  shards: { rowBegin: number; rows: number; packed: PackedRows }[];
  mask: MaskBuffer;
  keep: (index: number) => boolean;
}

export interface TrialShape {
  rows: number;
  cols: number;
  dtype: FloatDtype;
  format: PackedFormat;
  groups?: Groups;
  shardRows?: number;
  /** Of the rows that are neither empty nor whole; without groups. */
  sparsity?: number;
}

/** Mask words: row 1 keeps nothing, row 2 everything (with groups: the first `keep` of each), others at random. */
export function trialMask(rows: number, cols: number, groups: Groups | null, sparsity = 0.5): Uint32Array {
  const wordsPerRow = Math.ceil(cols / 32);
  const rng = new Rng(11, 'packed mask');
  const words = new Uint32Array(rows * wordsPerRow);
  for (let row = 0; row < rows; row++) {
    let left = 0;
    for (let c = 0; c < cols; c++) {
      if (groups && c % groups.group === 0) left = groups.keep;
      const wanted = row % 8 === 2 || (row % 8 !== 1 && rng.float() >= sparsity);
      if (!wanted || (groups && left === 0)) continue;
      left -= 1;
      const at = row * wordsPerRow + (c >> 5);
      words[at] = ((words[at] ?? 0) | (1 << (c & 31))) >>> 0;
    }
  }
  return words;
}

export function packedTrial(rig: Place & { rec: Recorder }, shape: TrialShape): PackedTrial {
  const { rows, cols, dtype, format, groups = null, shardRows = rows, sparsity } = shape;
  const words = trialMask(rows, cols, groups, sparsity);
  const wordsPerRow = Math.ceil(cols / 32);
  const made = uploadWeight(rig, normals(rows * cols, 12), cols, dtype, shardRows);
  const bytes = fromF32(made.values, dtype);
  const rowBytes = cols * DTYPE_BYTES[dtype];
  const shards = made.weight.shards.map(({ rowBegin, rows: count }) => ({
    rowBegin,
    rows: count,
    packed: packRows(
      bytes.subarray(rowBegin * rowBytes, (rowBegin + count) * rowBytes),
      words.subarray(rowBegin * wordsPerRow, (rowBegin + count) * wordsPerRow),
      { cols, dtype },
      format,
      groups,
    ),
  }));
  return {
    ...made,
    packed: uploadPacked(rig.rec, rig.scope, { name: 'trial', rows, cols, dtype, format, groups }, shards),
    shards,
    mask: { buffer: upload(rig, words), rows, cols, wordsPerRow },
    keep: (i) => {
      const c = i % cols;
      return (((words[Math.floor(i / cols) * wordsPerRow + (c >> 5)] ?? 0) >>> (c & 31)) & 1) === 1;
    },
  };
}
