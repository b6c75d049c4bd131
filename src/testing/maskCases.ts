/** Weights, norms and counts that make selection difficult, shared by the CPU and the GPU tests of masks. */
import { DTYPE_BYTES, fromF32, toF32, type FloatDtype } from '../core/dtypes';
import { Rng } from '../core/rng';
import type { MaskBuffer, Weight, WeightShard } from '../ops/types';
import { upload, type GpuFixture } from './gpuFixture';

export const DTYPES: readonly FloatDtype[] = ['F32', 'F16', 'BF16'];
/** One column, around a mask word, a real width, more than one span of a workgroup. */
export const WIDTHS: readonly number[] = [1, 31, 32, 33, 576, 2049];

export interface WeightCase {
  dtype: FloatDtype;
  rows: number;
  cols: number;
  bytes: Uint8Array<ArrayBuffer>;
  /** The stored values. */
  values: Float32Array;
}

/** Kinds of rows; each is a function of the column. */
function awkwardRows(rng: Rng): ((c: number) => number)[] {
  const pick = (list: readonly number[]) => (): number => list[rng.below(list.length)] ?? 0;
  return [
    () => rng.normal(),
    () => 0,
    () => -0.75,
    pick([0, -0]),
    pick([NaN, 1, -2, 0.5]),
    () => NaN,
    pick([Infinity, -Infinity, 3, -0]),
    pick([Infinity, NaN, 0]),
    pick([0.25, -0.5]),
    () => (rng.below(8) - 4) / 8,
    // Subnormal in f32 and bfloat16 (counts as 0); the smallest halves.
    pick([1e-40, -2e-40, 2 ** -149, 2 ** -126, 0]),
    pick([2 ** -24, -3 * 2 ** -24, 1023 * 2 ** -24, 2 ** -14, 0]),
    (c) => (c + 1) / 64,
    (c) => 1 / (c + 1),
    // One fraction, many exponents; and neighbours in the last bit.
    () => 2 ** -rng.below(12),
    () => 1 + rng.below(5) * 2 ** -23,
    // With tiny norms: products just below 2^-126 that round to it, or do not.
    () => 1 - rng.below(9) * 2 ** -24,
    pick([1 - 2400 * 2 ** -24, 1 - 3200 * 2 ** -24, 0, 1]),
  ];
}

/** One row of every kind. */
export function awkwardWeight(cols: number, dtype: FloatDtype, seed = 1): WeightCase {
  const kinds = awkwardRows(new Rng(seed, `weights ${cols}`));
  const values = Float32Array.from(
    { length: kinds.length * cols },
    (_, i) => kinds[Math.floor(i / cols)]?.(i % cols) ?? 0,
  );
  const bytes = fromF32(values, dtype);
  return { dtype, rows: kinds.length, cols, bytes, values: toF32(bytes, dtype) };
}

/** A matrix of normals. */
export function normalWeight(rows: number, cols: number, dtype: FloatDtype, seed = 1): WeightCase {
  const rng = new Rng(seed, 'normal weights');
  const bytes = fromF32(Float32Array.from({ length: rows * cols }, () => rng.normal()), dtype); // prettier-ignore
  return { dtype, rows, cols, bytes, values: toF32(bytes, dtype) };
}

/** Norms of usual columns; of columns that are dead, subnormal, huge or not finite; so small that scores underflow. */
export function awkwardNorms(cols: number): Record<'usual' | 'special' | 'tiny', Float32Array<ArrayBuffer>> {
  const rng = new Rng(7, `norms ${cols}`);
  const near = [-2, 0, 1, 2, 3, 4, 1200, 1600];
  const list = [1, 0, 2 ** -130, Infinity, NaN, 2 ** 127, 0.1, 3, -0];
  return {
    usual: Float32Array.from({ length: cols }, () => Math.exp(rng.normal())),
    special: Float32Array.from({ length: cols }, () => list[rng.below(list.length)] ?? 1),
    // Around 2^-126 for weights near 1, where devices round and flush differently.
    tiny: Float32Array.from(
      { length: cols },
      () => 2 ** -126 * (1 + (near[rng.below(near.length)] ?? 0) * 2 ** -23),
    ),
  };
}

/** How many to prune in each row: nothing, everything, and the numbers between, in turn. */
export function variedCounts(rows: number, cols: number, turn: number): Uint32Array<ArrayBuffer> {
  const choices = [
    Math.trunc(cols * 0.5),
    0,
    cols,
    1,
    Math.max(0, cols - 1),
    Math.trunc(cols * 0.7),
    Math.trunc(cols * 0.29),
  ];
  return Uint32Array.from({ length: rows }, (_, r) =>
    Math.min(cols, choices[(r + turn) % choices.length] ?? 0),
  );
}

/** The case on the GPU, in shards of at most `shardRows` rows. */
export function uploadCase(fixture: GpuFixture, w: WeightCase, shardRows = Infinity): Weight {
  const rowBytes = w.cols * DTYPE_BYTES[w.dtype];
  const shards: WeightShard[] = [];
  for (let rowBegin = 0; rowBegin < w.rows; rowBegin += shardRows) {
    const rows = Math.min(shardRows, w.rows - rowBegin);
    shards.push({
      buffer: upload(fixture, w.bytes.slice(rowBegin * rowBytes, (rowBegin + rows) * rowBytes)),
      rowBegin,
      rows,
    });
  }
  return { name: 'test weight', rows: w.rows, cols: w.cols, dtype: w.dtype, shards };
}

const POISON = 0xdeadbeef;
const GUARD_WORDS = 8;

/** A mask full of poison, with guard words behind its end. */
export function poisonedMask(fixture: GpuFixture, rows: number, cols: number): MaskBuffer {
  const wordsPerRow = Math.ceil(cols / 32);
  const words = new Uint32Array(rows * wordsPerRow + GUARD_WORDS).fill(POISON);
  return { buffer: upload(fixture, words), rows, cols, wordsPerRow };
}

export function uploadMask(fixture: GpuFixture, rows: number, cols: number, words: Uint32Array): MaskBuffer {
  return { buffer: upload(fixture, words), rows, cols, wordsPerRow: Math.ceil(cols / 32) };
}

/** The words of a mask from poisonedMask; throws where something was written behind its end. */
export async function readMask({ rec }: GpuFixture, mask: MaskBuffer): Promise<Uint32Array> {
  const count = mask.rows * mask.wordsPerRow;
  const words = new Uint32Array(await rec.read(mask.buffer, 0, (count + GUARD_WORDS) * 4));
  if (words.subarray(count).some((w) => w !== POISON))
    throw new Error('Something was written behind the end of a mask.');
  return words.subarray(0, count);
}

/** Throws with the first differing bits unless the masks are equal. */
export function expectMask(actual: Uint32Array, expected: Uint32Array, cols: number, what: string): void {
  if (actual.length !== expected.length)
    throw new Error(`${what}: ${actual.length} words, expected ${expected.length}.`);
  const wordsPerRow = Math.ceil(cols / 32);
  const bad: string[] = [];
  for (let i = 0; i < expected.length; i++) {
    let diff = (actual[i] ?? 0) ^ (expected[i] ?? 0);
    for (; diff !== 0; diff &= diff - 1) {
      const bit = 31 - Math.clz32(diff & -diff);
      bad.push(`row ${Math.floor(i / wordsPerRow)} column ${(i % wordsPerRow) * 32 + bit}`);
    }
  }
  if (bad.length > 0)
    throw new Error(
      `${what}: ${bad.length} bits differ, first ${bad.slice(0, 4).join(', ')}, last ${bad.at(-1)}.`,
    );
}
