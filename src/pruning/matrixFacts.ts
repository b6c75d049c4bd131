/** Counts, picture and score histogram of one pruned matrix, on the CPU: everything a person wants to see of a mask. */
import { toBase64 } from '../core/base64';
import { DTYPE_BYTES, type FloatDtype } from '../core/dtypes';
import type { MatrixRecord, ScoreRecord } from '../core/layerRecord';
import { keyReader } from '../ops/scoreKeys';
import type { Pace } from './pruners/define';

/** Cells of a picture's side at most. */
export const PICTURE_SIDE = 256;
export const SCORE_BINS = 64;
/** Scores this many decades below the largest share the first bin: a single tiny weight must not stretch the axis. */
export const SCORE_DECADES = 6;

/** A matrix as its file has it: row-major little-endian elements, [rows, cols]. */
export interface MatrixBytes {
  bytes: Uint8Array;
  dtype: FloatDtype;
  rows: number;
  cols: number;
}

export type ZeroFacts = Pick<MatrixRecord, 'zeros' | 'zerosBefore' | 'dead' | 'picture'>;

/** Zeros, dead rows and columns of `after` beside those of `before` (same shape), and the picture of `after`. */
export async function zeroFacts(before: MatrixBytes, after: MatrixBytes, pace: Pace): Promise<ZeroFacts> {
  const { rows, cols } = after;
  const was = new ZeroCounter(before);
  const is = new ZeroCounter(after);
  const height = Math.min(rows, PICTURE_SIDE);
  const width = Math.min(cols, PICTURE_SIDE);
  const kept = new Uint8Array(height * width);
  const cellOf = Uint16Array.from({ length: cols }, (_, c) => Math.floor((c * width) / cols));
  const sums = new Uint32Array(width);
  const sizes = new Uint32Array(width);
  let cellRow = 0;
  const closeCells = (): void => {
    for (let x = 0; x < width; x++)
      kept[cellRow * width + x] = Math.round((255 * (sums[x] ?? 0)) / (sizes[x] ?? 1));
    sums.fill(0);
    sizes.fill(0);
  };
  for (let row = 0; row < rows; row++) {
    const at = Math.floor((row * height) / rows);
    if (at !== cellRow) {
      closeCells();
      cellRow = at;
    }
    was.read(row);
    is.read(row);
    const { flags } = is;
    for (let c = 0; c < cols; c++) {
      const cell = cellOf[c] as number;
      sums[cell] = (sums[cell] as number) + (flags[c] as number);
      sizes[cell] = (sizes[cell] as number) + 1;
    }
    await pace.breathe();
  }
  closeCells();
  return {
    zeros: is.zeros,
    zerosBefore: was.zeros,
    dead: { rows: is.deadRows, cols: is.deadCols, rowsBefore: was.deadRows, colsBefore: was.deadCols },
    picture: { height, width, kept: toBase64(kept) },
  };
}

/** Reads row after row: which elements are not zero, +0 and -0 alike. */
class ZeroCounter {
  /** 1 where the row read last is not zero, [cols]. */
  readonly flags: Uint8Array;
  zeros = 0;
  deadRows = 0;
  readonly #words: Uint16Array | Uint32Array;
  readonly #magnitude: number;
  readonly #living: Uint8Array;

  constructor({ bytes, dtype, cols }: MatrixBytes) {
    const size = DTYPE_BYTES[dtype];
    const { buffer, byteOffset, byteLength } = bytes.byteOffset % size === 0 ? bytes : bytes.slice();
    this.#words =
      size === 4
        ? new Uint32Array(buffer, byteOffset, byteLength / 4)
        : new Uint16Array(buffer, byteOffset, byteLength / 2);
    this.#magnitude = size === 4 ? 0x7fffffff : 0x7fff;
    this.flags = new Uint8Array(cols);
    this.#living = new Uint8Array(cols);
  }

  get deadCols(): number {
    return this.#living.reduce((dead, alive) => dead + (1 - alive), 0);
  }

  read(row: number): void {
    const { flags } = this;
    const words = this.#words;
    const living = this.#living;
    const cols = flags.length;
    const begin = row * cols;
    let kept = 0;
    for (let c = 0; c < cols; c++) {
      const flag = ((words[begin + c] as number) & this.#magnitude) === 0 ? 0 : 1;
      flags[c] = flag;
      living[c] = (living[c] as number) | flag;
      kept += flag;
    }
    this.zeros += cols - kept;
    if (kept === 0) this.deadRows++;
  }
}

/**
 * Histogram of the scores |W| (times `norms` [cols] where given), f32 as selection compares them, of kept and pruned
 * weights apart. `mask` in the layout of MaskBuffer. `unit`: what shares one threshold; null for none.
 */
export async function scoreFacts(
  weight: MatrixBytes,
  mask: Uint32Array,
  norms: Float32Array | null,
  unit: 'row' | 'matrix' | null,
  pace: Pace,
): Promise<ScoreRecord> {
  const { bytes, dtype, rows, cols } = weight;
  const reader = keyReader(bytes, dtype, rows, cols, norms);
  // Keys are the bits of scores.
  const scores = new Float32Array(reader.keys.buffer, reader.keys.byteOffset, cols);
  const wordsPerRow = Math.ceil(cols / 32);
  const isKept = (row: number, c: number): boolean =>
    (((mask[row * wordsPerRow + (c >>> 5)] as number) >>> (c & 31)) & 1) === 1;

  let least = Infinity;
  let most = 0;
  const cuts: number[] = [];
  for (let row = 0; row < rows; row++) {
    reader.read(row);
    let cut = -1;
    for (let c = 0; c < cols; c++) {
      const score = scores[c] as number;
      if (score > 0 && score < least) least = score;
      if (score > most && score < Infinity) most = score;
      if (score > cut && !isKept(row, c)) cut = score;
    }
    if (cut >= 0) cuts.push(cut);
    await pace.breathe();
  }

  const kept = new Array<number>(SCORE_BINS).fill(0);
  const pruned = new Array<number>(SCORE_BINS).fill(0);
  const zero = { kept: 0, pruned: 0 };
  const axis = most > 0 ? axisOf(least, most) : null;
  for (let row = 0; row < rows; row++) {
    reader.read(row);
    for (let c = 0; c < cols; c++) {
      const score = scores[c] as number;
      const stays = isKept(row, c);
      if (axis && score > 0) {
        const bins = stays ? kept : pruned;
        const bin = binOf(score, axis);
        bins[bin] = (bins[bin] as number) + 1;
      } else zero[stays ? 'kept' : 'pruned']++;
    }
    await pace.breathe();
  }
  return {
    kind: norms ? 'weightNorm' : 'weight',
    log10: axis,
    kept,
    pruned,
    zero,
    threshold: thresholdOf(cuts, unit),
  };
}

function axisOf(least: number, most: number): { min: number; max: number } {
  const max = Math.log10(most);
  const min = Math.max(Math.log10(least), max - SCORE_DECADES);
  // Scores that are all alike still need a width.
  return max > min ? { min, max } : { min: min - 0.5, max: max + 0.5 };
}

function binOf(score: number, { min, max }: { min: number; max: number }): number {
  const at = Math.floor(((Math.log10(score) - min) / (max - min)) * SCORE_BINS);
  return Math.min(SCORE_BINS - 1, Math.max(0, at));
}

/** `cuts`: the largest pruned score of every row that has one. */
function thresholdOf(cuts: number[], unit: 'row' | 'matrix' | null): ScoreRecord['threshold'] {
  if (unit === null || cuts.length === 0) return null;
  const sorted = Float64Array.from(cuts).sort();
  const at = (i: number): number => sorted[i] as number;
  const max = at(sorted.length - 1);
  if (unit === 'matrix') return { unit, value: max };
  const half = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? at(half) : (at(half - 1) + at(half)) / 2;
  return { unit, rows: sorted.length, min: at(0), median, max };
}
