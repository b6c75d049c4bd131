import { describe, expect, test } from 'vitest';
import { expectClose } from '../testing/compare';
import { normals, poisonedAct, readAct, runOnGpu, uploadAct, type GpuFixture } from '../testing/gpuFixture';
import { TOLERANCE } from '../testing/tolerances';
import {
  attention,
  ATTENTION_TILES,
  ATTENTION_VARIANTS,
  attentionSupported,
  type AttentionOptions,
  type AttentionVariant,
} from './attention';
import { attentionRef } from './attention.ref';
import type { Act } from './types';

type Shape = Omit<AttentionOptions, 'scale'>;

/** What can run here, in every combination with a softmax; `flash` has its own. */
const COMBINED: Pick<Shape, 'tiles' | 'softmax'>[] = [
  { tiles: 'flash' },
  ...ATTENTION_TILES.flatMap((tiles) => (['lane', 'tree'] as const).map((softmax) => ({ tiles, softmax }))),
];
const combined = (gpu: GpuFixture, headDim: number): typeof COMBINED =>
  COMBINED.filter(({ tiles = 'scalar' }) => attentionSupported(gpu.ctx, tiles, headDim));
const variants = (gpu: GpuFixture, headDim: number): AttentionVariant[] =>
  ATTENTION_VARIANTS.filter((v) => attentionSupported(gpu.ctx, v, headDim));

async function check(gpu: GpuFixture, shape: Shape): Promise<number> {
  const options = { ...shape, scale: shape.headDim ** -0.5 };
  const { batch, queries, keys, heads, kvHeads, headDim } = shape;
  const kvRows = batch * (shape.kvStride ?? keys);
  const q = normals(batch * queries * heads * headDim, 30);
  const k = normals(kvRows * kvHeads * headDim, 31);
  const v = normals(kvRows * kvHeads * headDim, 32);
  const out = poisonedAct(gpu, batch * queries, heads * headDim);
  const kv = kvHeads * headDim;
  // Scores that nobody computed must not be read.
  const scores = gpu.workspace.buffer(gpu.rec, 'tile', batch * heads * queries * (keys + 3) * 4);
  gpu.rec.write(scores, 0, new Float32Array(scores.bytes / 4).fill(NaN));
  const before = gpu.rec.work.dispatches;
  await attention(
    gpu.rec,
    uploadAct(gpu, q, heads * headDim),
    uploadAct(gpu, k, kv),
    uploadAct(gpu, v, kv),
    out,
    options,
    gpu.workspace,
  );
  const dispatches = gpu.rec.work.dispatches - before;
  const ref = attentionRef(q, k, v, options);
  const bound = (i: number): number =>
    TOLERANCE[shape.tiles === 'flash' ? 'attentionOnline' : 'attention'](
      headDim,
      keys,
      ref.scoreMagnitudes[i] ?? 0,
      ref.magnitudes[i] ?? 0,
      !!shape.softcap,
    );
  expectClose(await readAct(gpu, out), ref.values, bound, JSON.stringify(shape));
  return dispatches;
}

const SHAPES: [string, Shape][] = [
  ['one of everything', { batch: 1, queries: 1, keys: 1, heads: 1, kvHeads: 1, headDim: 4, positionBegin: 0 }],
  ['tile - 1', { batch: 1, queries: 7, keys: 7, heads: 2, kvHeads: 2, headDim: 12, positionBegin: 0 }],
  ['tile', { batch: 2, queries: 8, keys: 8, heads: 2, kvHeads: 1, headDim: 32, positionBegin: 0 }],
  ['tile + 1, group of three heads', { batch: 1, queries: 9, keys: 9, heads: 9, kvHeads: 3, headDim: 64, positionBegin: 0 }],
  ['several tiles, odd length', { batch: 2, queries: 67, keys: 67, heads: 3, kvHeads: 1, headDim: 16, positionBegin: 0 }],
  ['head width 80', { batch: 1, queries: 13, keys: 13, heads: 2, kvHeads: 2, headDim: 80, positionBegin: 0 }],
  ['head width 256, more keys than a step takes', { batch: 1, queries: 37, keys: 37, heads: 2, kvHeads: 1, headDim: 256, positionBegin: 0 }],
  ['head width 128', { batch: 1, queries: 11, keys: 11, heads: 1, kvHeads: 1, headDim: 128, positionBegin: 0 }],
  ['odd head width', { batch: 2, queries: 10, keys: 10, heads: 2, kvHeads: 1, headDim: 13, positionBegin: 0 }],
  ['head width 1', { batch: 1, queries: 5, keys: 5, heads: 3, kvHeads: 3, headDim: 1, positionBegin: 0 }],
  ['one query over a cache', { batch: 2, queries: 1, keys: 38, heads: 4, kvHeads: 2, headDim: 12, positionBegin: 37, kvStride: 50 }],
  ['some queries over a cache', { batch: 2, queries: 5, keys: 15, heads: 4, kvHeads: 2, headDim: 16, positionBegin: 10, kvStride: 21 }],
  ['keys that no query sees', { batch: 1, queries: 3, keys: 20, heads: 1, kvHeads: 1, headDim: 8, positionBegin: 2 }],
  ['odd head width over a cache', { batch: 2, queries: 3, keys: 9, heads: 2, kvHeads: 2, headDim: 5, positionBegin: 6, kvStride: 11 }],
]; // prettier-ignore

/** Widths that cut inside a tile, at its edge, and beyond the keys; every tile family has other edges. */
const WINDOWS: [string, Shape][] = [
  ['a window of one key', { batch: 1, queries: 21, keys: 21, heads: 2, kvHeads: 1, headDim: 8, positionBegin: 0, window: 1 }],
  ['a window of two keys, heads in groups', { batch: 2, queries: 67, keys: 67, heads: 6, kvHeads: 2, headDim: 12, positionBegin: 0, window: 2 }],
  ['a window inside a tile', { batch: 1, queries: 70, keys: 70, heads: 2, kvHeads: 2, headDim: 16, positionBegin: 0, window: 13 }],
  ['a window of a tile', { batch: 1, queries: 100, keys: 100, heads: 2, kvHeads: 1, headDim: 8, positionBegin: 0, window: 32 }],
  ['a window of a tile and one', { batch: 1, queries: 100, keys: 100, heads: 1, kvHeads: 1, headDim: 4, positionBegin: 0, window: 33 }],
  ['as many keys as the window', { batch: 1, queries: 19, keys: 19, heads: 2, kvHeads: 1, headDim: 8, positionBegin: 0, window: 19 }],
  ['a window beyond the keys', { batch: 1, queries: 19, keys: 19, heads: 2, kvHeads: 1, headDim: 8, positionBegin: 0, window: 4096 }],
  ['one query over a cache and a window', { batch: 2, queries: 1, keys: 90, heads: 4, kvHeads: 2, headDim: 12, positionBegin: 89, kvStride: 101, window: 38 }],
  ['one query that sees itself alone', { batch: 1, queries: 1, keys: 70, heads: 2, kvHeads: 1, headDim: 8, positionBegin: 69, window: 1 }],
  ['some queries over a cache and a window', { batch: 2, queries: 37, keys: 113, heads: 4, kvHeads: 2, headDim: 16, positionBegin: 75, kvStride: 120, window: 21 }],
  ['odd head width and a window', { batch: 2, queries: 13, keys: 40, heads: 2, kvHeads: 1, headDim: 5, positionBegin: 26, window: 6 }],
]; // prettier-ignore

describe('attention', () => {
  test.each(SHAPES)('%s', async (_name, shape) => {
    await runOnGpu(async (gpu) => {
      for (const how of combined(gpu, shape.headDim)) await check(gpu, { ...shape, ...how });
    });
  });

  test.each(WINDOWS)('%s, with and without a soft cap', async (_name, shape) => {
    await runOnGpu(async (gpu) => {
      for (const how of combined(gpu, shape.headDim)) {
        await check(gpu, { ...shape, ...how });
        await check(gpu, { ...shape, ...how, softcap: how.softmax === 'tree' ? 0.8 : 1.5 });
      }
    });
  });

  test('a soft cap: small and large scores, over a cache, and far beyond exp', async () => {
    await runOnGpu(async (gpu) => {
      const shape: Shape = {
        batch: 2,
        queries: 9,
        keys: 30,
        heads: 4,
        kvHeads: 2,
        headDim: 12,
        positionBegin: 21,
      };
      for (const how of combined(gpu, shape.headDim)) {
        // Scores are of size 1: nearly straight, bent, flat; at 1e-3 the arguments reach thousands.
        for (const softcap of [50, 1, 0.1, 1e-3]) await check(gpu, { ...shape, ...how, softcap });
      }
    });
  });

  test('chunks of queries and of heads give the same values', async () => {
    await runOnGpu(async (gpu) => {
      const shape: Shape = {
        batch: 2,
        queries: 45,
        keys: 45,
        heads: 3,
        kvHeads: 1,
        headDim: 8,
        positionBegin: 0,
      };
      for (const tiles of variants(gpu, shape.headDim)) {
        const whole = await check(gpu, { ...shape, tiles });
        // 32 queries of one head; then two whole heads at a time.
        const byQuery = await check(gpu, { ...shape, tiles, scratchBytes: 32 * 48 * 4 });
        const byHead = await check(gpu, { ...shape, tiles, scratchBytes: 2 * 45 * 48 * 4 });
        expect([whole, byQuery, byHead]).toEqual(tiles === 'flash' ? [1, 1, 1] : [3, 3 * 6 * 2, 3 * 3]);
        // The second chunk's window begins inside the first one's keys.
        await check(gpu, { ...shape, tiles, scratchBytes: 32 * 48 * 4, window: 9, softcap: 2 });
        await check(gpu, { ...shape, tiles, scratchBytes: 32 * 48 * 4, window: 23 });
      }
    });
  });

  test('values that are not finite reach their own rows and no earlier tile', async () => {
    await runOnGpu(async (gpu) => {
      const [queries, headDim] = [70, 8];
      const q = normals(queries * headDim, 33);
      const k = normals(queries * headDim, 34);
      const v = normals(queries * headDim, 35);
      v.fill(NaN, 64 * headDim);
      const shape = {
        batch: 1,
        queries,
        keys: queries,
        heads: 1,
        kvHeads: 1,
        headDim,
        positionBegin: 0,
        scale: 0.3,
      };
      const ref = attentionRef(q, k, v, shape);
      const bound = (i: number): number =>
        TOLERANCE.attentionOnline(headDim, queries, ref.scoreMagnitudes[i] ?? 0, ref.magnitudes[i] ?? 0);
      for (const tiles of variants(gpu, headDim)) {
        const out = poisonedAct(gpu, queries, headDim);
        const inputs = [q, k, v].map((data) => uploadAct(gpu, data, headDim)) as [Act, Act, Act];
        await attention(gpu.rec, ...inputs, out, { ...shape, tiles }, gpu.workspace);
        expectClose(await readAct(gpu, out), ref.values, bound, tiles);
      }
    });
  });

  test('large scores do not overflow', async () => {
    await runOnGpu(async (gpu) => {
      const q = Float32Array.of(100, 0, 0, 0, 100, 0, 0, 0);
      const k = Float32Array.of(100, 0, 0, 0, 101, 0, 0, 0);
      const v = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8);
      const shape = {
        batch: 1,
        queries: 2,
        keys: 2,
        heads: 1,
        kvHeads: 1,
        headDim: 4,
        positionBegin: 0,
        scale: 1,
      };
      for (const tiles of variants(gpu, 4)) {
        const out = poisonedAct(gpu, 2, 4);
        const inputs = [q, k, v].map((data) => uploadAct(gpu, data, 4)) as [Act, Act, Act];
        await attention(gpu.rec, ...inputs, out, { ...shape, tiles }, gpu.workspace);
        expect(Array.from(await readAct(gpu, out)), tiles).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
      }
    });
  });

  test('shapes that contradict each other are refused', async () => {
    await runOnGpu(async (gpu) => {
      const base: Shape = {
        batch: 1,
        queries: 4,
        keys: 4,
        heads: 2,
        kvHeads: 1,
        headDim: 4,
        positionBegin: 0,
      };
      await expect(check(gpu, { ...base, heads: 3, kvHeads: 2 })).rejects.toThrow(/3 heads over 2/);
      await expect(check(gpu, { ...base, positionBegin: 1 })).rejects.toThrow(/4 queries at 1, 4 keys/);
      await expect(check(gpu, { ...base, window: -1 })).rejects.toThrow(/window of -1/);
      await expect(check(gpu, { ...base, window: 1.5 })).rejects.toThrow(/window of 1.5/);
      await expect(check(gpu, { ...base, softcap: -1 })).rejects.toThrow(/soft cap of -1/);
      for (const tiles of ['tile', 'flash'] as const)
        await expect(check(gpu, { ...base, headDim: 5, tiles })).rejects.toThrow(/cannot run here/);
    });
  });
});
