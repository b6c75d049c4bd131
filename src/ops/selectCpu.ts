/**
 * The masks of select.ts on the CPU, bit for bit the same. Meant for software adapters, where one thread of JavaScript
 * is several times faster than any kernel. Rows are independent in all but selectMatrixCpu, so a caller may hand over
 * bands of rows. Measured on two shared cores (Xeon, Node 20), medians in ns per weight for 1536 x 576, 576 x 1536,
 * 2048 x 192 and 256 x 4096 in F16, BF16 and F32: selectRowsCpu 10-19, selectMatrixCpu 25-50, selectGroupsCpu (2:4)
 * 14-28, rowRanks 32-48, maskFromRanks 1.5-3; a first call up to 3 times that.
 *
 * Masks are in the layout of MaskBuffer: u32 [rows, ceil(cols / 32)], least significant bit first, 1 = kept.
 */
import type { FloatDtype } from '../core/dtypes';
import { LabError } from '../core/errors';
import { keyReader, KEY_NAN, type KeyReader } from './scoreKeys';
import { checkGroups, type GroupPattern, type MatrixRule } from './selectRules';

/** Pruned: keys below `limit`, and the first `ties` keys equal to it. */
interface Cut {
  limit: number;
  ties: number;
}
const NOTHING: Cut = { limit: 0, ties: 0 };
const EVERYTHING: Cut = { limit: 0x7fffffff, ties: 0 };

/** The first digit is the exponent and three bits of the fraction; rows of weights use few of these bins. */
const DIGIT_SHIFT = 20;
const DIGITS = 1 << (31 - DIGIT_SHIFT);
/** Up to here insertion beats the native sort. */
const INSERTION_SORT = 32;

function sortKeys(keys: Int32Array, count: number): void {
  if (count > INSERTION_SORT) {
    keys.subarray(0, count).sort();
    return;
  }
  for (let i = 1; i < count; i++) {
    const key = keys[i] as number;
    let j = i;
    for (; j > 0 && (keys[j - 1] as number) > key; j--) keys[j] = keys[j - 1] as number;
    keys[j] = key;
  }
}

/** Finds where `need` smallest of a row end: a histogram of the first digit, then a sort of the one bin that matters. */
class RowCutter {
  readonly #bins = new Int32Array(DIGITS);
  readonly #candidates: Int32Array;

  constructor(cols: number) {
    this.#candidates = new Int32Array(cols);
  }

  cut(keys: Int32Array, need: number): Cut {
    const cols = keys.length;
    if (need === 0) return NOTHING;
    if (need >= cols) return EVERYTHING;
    const bins = this.#bins;
    let low = DIGITS;
    let high = 0;
    for (let c = 0; c < cols; c++) {
      const digit = (keys[c] as number) >> DIGIT_SHIFT;
      bins[digit] = (bins[digit] as number) + 1;
      if (digit < low) low = digit;
      if (digit > high) high = digit;
    }
    let digit = low;
    while ((bins[digit] as number) < need) {
      need -= bins[digit] as number;
      digit++;
    }
    const count = bins[digit] as number;
    bins.fill(0, low, high + 1);
    if (count === need) return { limit: (digit + 1) << DIGIT_SHIFT, ties: 0 };
    const candidates = this.#candidates;
    let found = 0;
    for (let c = 0; c < cols; c++) {
      const key = keys[c] as number;
      if (key >> DIGIT_SHIFT === digit) candidates[found++] = key;
    }
    sortKeys(candidates, found);
    const limit = candidates[need - 1] as number;
    if (candidates[need] !== limit) return { limit: limit + 1, ties: 0 };
    let first = need - 1;
    while (first > 0 && candidates[first - 1] === limit) first--;
    return { limit, ties: need - first };
  }
}

/** Writes one row's words; returns how many of `cut.ties` were used. */
function writeRow(keys: Int32Array, { limit, ties }: Cut, mask: Uint32Array, word: number): number {
  const cols = keys.length;
  for (let first = 0, at = word; first < cols; first += 32, at++) {
    const width = Math.min(32, cols - first);
    let bits = 0;
    // Sign of limit - 1 - key: no branch, since a mask is a coin toss to the branch predictor.
    for (let j = 0; j < width; j++) bits |= ((limit - 1 - (keys[first + j] as number)) >>> 31) << j;
    mask[at] = bits;
  }
  let used = 0;
  for (let c = 0; used < ties && c < cols; c++) {
    if (keys[c] !== limit) continue;
    const at = word + (c >> 5);
    mask[at] = (mask[at] as number) & ~(1 << (c & 31));
    used++;
  }
  return used;
}

/** Prunes in each row r exactly the counts[r] scores that come first in stable ascending order. */
export function selectRowsCpu(
  bytes: Uint8Array,
  dtype: FloatDtype,
  rows: number,
  cols: number,
  norms: Float32Array | null,
  counts: Uint32Array,
): Uint32Array<ArrayBuffer> {
  const reader = keyReader(bytes, dtype, rows, cols, norms);
  const cutter = new RowCutter(cols);
  const wordsPerRow = Math.ceil(cols / 32);
  const mask = new Uint32Array(rows * wordsPerRow);
  for (let r = 0; r < rows; r++) {
    reader.read(r);
    writeRow(reader.keys, cutter.cut(reader.keys, counts[r] ?? 0), mask, r * wordsPerRow);
  }
  return mask;
}

/** The need-th smallest key of the matrix (1-based), its rank among equal keys, and how many are equal. */
function matrixThreshold(
  reader: KeyReader,
  rows: number,
  need: number,
): { key: number; need: number; count: number } {
  const { keys } = reader;
  const cols = keys.length;
  const bins = new Float64Array(DIGITS);
  let prefix = 0;
  let count = 0;
  for (const [shift, above] of [
    [20, 31],
    [10, 20],
    [0, 10],
  ] as const) {
    // prettier-ignore
    const digits = 2 ** (above - shift) - 1;
    bins.fill(0);
    for (let r = 0; r < rows; r++) {
      reader.read(r);
      for (let c = 0; c < cols; c++) {
        const key = keys[c] as number;
        // `>> 31` of a key is 0: the first pass counts all.
        if (key >> above === prefix)
          bins[(key >> shift) & digits] = (bins[(key >> shift) & digits] as number) + 1;
      }
    }
    let digit = 0;
    while ((bins[digit] as number) < need) {
      need -= bins[digit] as number;
      digit++;
    }
    count = bins[digit] as number;
    prefix = prefix * (digits + 1) + digit;
  }
  return { key: prefix, need, count };
}

/** One threshold for the whole matrix; see selectMatrix in select.ts. */
export function selectMatrixCpu(
  bytes: Uint8Array,
  dtype: FloatDtype,
  rows: number,
  cols: number,
  norms: Float32Array | null,
  rule: MatrixRule,
): Uint32Array<ArrayBuffer> {
  const reader = keyReader(bytes, dtype, rows, cols, norms);
  const total = rows * cols;
  const wordsPerRow = Math.ceil(cols / 32);
  const mask = new Uint32Array(rows * wordsPerRow);
  let cut: Cut;
  if (rule.rule === 'inclusive') {
    const { key } = matrixThreshold(reader, rows, Math.min(rule.index, total - 1) + 1);
    // No score is <= NaN.
    cut = key === KEY_NAN ? NOTHING : { limit: key + 1, ties: 0 };
  } else if (rule.count === 0) cut = NOTHING;
  else if (rule.count >= total) cut = EVERYTHING;
  else {
    const { key, need } = matrixThreshold(reader, rows, rule.count);
    cut = { limit: key, ties: need };
  }
  for (let r = 0; r < rows; r++) {
    reader.read(r);
    cut = { limit: cut.limit, ties: cut.ties - writeRow(reader.keys, cut, mask, r * wordsPerRow) };
  }
  return mask;
}

/** N:M: in every aligned group the group - keep smallest scores are pruned, lowest column first among ties. */
export function selectGroupsCpu(
  bytes: Uint8Array,
  dtype: FloatDtype,
  rows: number,
  cols: number,
  norms: Float32Array | null,
  pattern: GroupPattern,
): Uint32Array<ArrayBuffer> {
  checkGroups('The matrix', cols, pattern);
  const { keep, group } = pattern;
  const drop = group - keep;
  const reader = keyReader(bytes, dtype, rows, cols, norms);
  const { keys } = reader;
  const wordsPerRow = Math.ceil(cols / 32);
  const mask = new Uint32Array(rows * wordsPerRow);
  const ranks = new Int32Array(group);
  for (let r = 0; r < rows; r++) {
    reader.read(r);
    for (let first = 0; first < cols; first += group) {
      ranks.fill(0);
      for (let j = 1; j < group; j++) {
        const key = keys[first + j] as number;
        let rank = 0;
        for (let i = 0; i < j; i++) {
          // 1 where the later key is smaller: it goes before, an equal one behind.
          const before = (key - (keys[first + i] as number)) >>> 31;
          ranks[i] = (ranks[i] as number) + before;
          rank += 1 - before;
        }
        ranks[j] = rank;
      }
      for (let j = 0; j < group; j++) {
        const at = r * wordsPerRow + ((first + j) >> 5);
        mask[at] = (mask[at] as number) | (((drop - 1 - (ranks[j] as number)) >>> 31) << ((first + j) & 31));
      }
    }
  }
  return mask;
}

/** Rank of every weight in its row's stable ascending order of scores, u16 [rows, cols]; cols <= 65536. */
export function rowRanks(
  bytes: Uint8Array,
  dtype: FloatDtype,
  rows: number,
  cols: number,
  norms: Float32Array | null,
): Uint16Array<ArrayBuffer> {
  if (cols > 65536)
    throw new LabError('InternalError', `Ranks of rows of ${cols} columns do not fit 16 bits.`);
  const reader = keyReader(bytes, dtype, rows, cols, norms);
  const { keys } = reader;
  const ranks = new Uint16Array(rows * cols);
  let order = new Uint16Array(cols);
  let next = new Uint16Array(cols);
  // Least significant digit first, four digits of 8 bits, all counted in one sweep.
  const bins = new Int32Array(4 * 256);
  for (let r = 0; r < rows; r++) {
    reader.read(r);
    bins.fill(0);
    for (let c = 0; c < cols; c++) {
      const key = keys[c] as number;
      bump(bins, key & 255);
      bump(bins, 256 + ((key >> 8) & 255));
      bump(bins, 512 + ((key >> 16) & 255));
      bump(bins, 768 + (key >> 24));
      order[c] = c;
    }
    for (let pass = 0; pass < 4; pass++) {
      const base = pass * 256;
      const shift = pass * 8;
      // All keys share this digit.
      if (bins[base + (((keys[0] as number) >> shift) & 255)] === cols) continue;
      let sum = 0;
      for (let b = base; b < base + 256; b++) {
        const count = bins[b] as number;
        bins[b] = sum;
        sum += count;
      }
      for (let i = 0; i < cols; i++) {
        const c = order[i] as number;
        const b = base + (((keys[c] as number) >> shift) & 255);
        const to = bins[b] as number;
        next[to] = c;
        bins[b] = to + 1;
      }
      [order, next] = [next, order];
    }
    const start = r * cols;
    for (let i = 0; i < cols; i++) ranks[start + (order[i] as number)] = i;
  }
  return ranks;
}

function bump(bins: Int32Array, at: number): void {
  bins[at] = (bins[at] as number) + 1;
}

/** Mask that prunes in each row the ranks below counts[r]. */
export function maskFromRanks(
  ranks: Uint16Array,
  rows: number,
  cols: number,
  counts: Uint32Array,
): Uint32Array<ArrayBuffer> {
  const wordsPerRow = Math.ceil(cols / 32);
  const mask = new Uint32Array(rows * wordsPerRow);
  for (let r = 0; r < rows; r++) {
    // Counts above cols act like cols; the difference below stays within 32 bits.
    const last = Math.min(counts[r] ?? 0, cols) - 1;
    for (let first = 0, at = r * wordsPerRow; first < cols; first += 32, at++) {
      const width = Math.min(32, cols - first);
      const start = r * cols + first;
      let bits = 0;
      for (let j = 0; j < width; j++) bits |= ((last - (ranks[start + j] as number)) >>> 31) << j;
      mask[at] = bits;
    }
  }
  return mask;
}
