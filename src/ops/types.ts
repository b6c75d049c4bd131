/** What ops exchange: shapes and buffers, no models. All activations are f32, row-major and contiguous. */
import type { FloatDtype } from '../core/dtypes';
import type { LabBuffer } from '../gpu/scope';

/** f32 [rows, cols]. The buffer may be larger than rows*cols. */
export interface Act {
  buffer: LabBuffer;
  rows: number;
  cols: number;
}

/** Consecutive rows of a weight in one buffer (a tensor larger than a binding has several). */
export interface WeightShard {
  buffer: LabBuffer;
  rowBegin: number;
  rows: number;
}

/**
 * A weight [rows = outputs, cols = inputs] in its file's bytes: row r starts at element (r - rowBegin) * cols of its
 * shard, 16-bit types two to a u32 word, no padding between rows.
 */
export interface Weight {
  name: string;
  rows: number;
  cols: number;
  dtype: FloatDtype;
  shards: WeightShard[];
}

/**
 * One bit per weight, 1 = kept, least significant bit first; each row padded to whole u32 words, so that rows can be
 * written independently. `wordsPerRow = ceil(cols / 32)`; padding bits are 0.
 */
export interface MaskBuffer {
  buffer: LabBuffer;
  rows: number;
  cols: number;
  wordsPerRow: number;
}

/** f32 vector, for example a norm's weight or a bias. */
export interface Vec {
  buffer: LabBuffer;
  length: number;
}
