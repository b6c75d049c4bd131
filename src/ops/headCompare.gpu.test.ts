import { describe, expect, test } from 'vitest';
import type { FloatDtype } from '../core/dtypes';
import type { LabBuffer } from '../gpu/scope';
import { expectClose } from '../testing/compare';
import {
  normals,
  readAct,
  runOnGpu,
  upload,
  uploadAct,
  uploadWeight,
  type GpuFixture,
} from '../testing/gpuFixture';
import { TOLERANCE } from '../testing/tolerances';
import { headCompare, type HeadCompareOptions } from './headCompare';
import { headCompareRef, type CompareRef } from './headCompare.ref';
import { headLoss, UNSCORED } from './headLoss';
import { matmulRef } from './matmul.ref';
import { softcapRef } from './softcap.ref';

interface Case extends HeadCompareOptions {
  rows: number;
  vocab: number;
  k: number;
  dtype?: FloatDtype;
  shardRows?: number;
  /** Standard deviation of the dense stream, and of what sets the pruned one apart. */
  spread?: number;
  noise: number;
  weights?: Float32Array;
}

interface Result {
  got: Float32Array;
  ref: CompareRef;
  dispatches: number;
}

/** A poisoned [rows, 4] and what headCompare writes into it. */
async function compare(
  gpu: GpuFixture,
  streams: { dense: Float32Array; pruned: Float32Array; k: number },
  w: ReturnType<typeof uploadWeight>,
  targets: Uint32Array,
  options: HeadCompareOptions,
): Promise<Float32Array> {
  const rows = targets.length;
  const figures = upload(gpu, new Float32Array(rows * 4 + 16).fill(NaN));
  await headCompare(
    gpu.rec,
    uploadAct(gpu, streams.dense, streams.k),
    uploadAct(gpu, streams.pruned, streams.k),
    w.weight,
    { targets: upload(gpu, targets), losses: upload(gpu, new Float32Array(rows)), figures },
    gpu.workspace,
    options,
  );
  return readAct(gpu, { buffer: figures, rows, cols: 4 });
}

async function check(gpu: GpuFixture, c: Case): Promise<Result> {
  const { rows, vocab, k } = c;
  const dense = normals(rows * k, 50, c.spread);
  const noise = normals(rows * k, 51, c.noise);
  const pruned = dense.map((x, i) => x + (noise[i] ?? 0));
  const w = uploadWeight(gpu, c.weights ?? normals(vocab * k, 52), k, c.dtype ?? 'F32', c.shardRows);
  // The first and the last entry of the vocabulary are among the targets, and one row is not scored.
  const targets = Uint32Array.from({ length: rows }, (_, r) =>
    r === 0 ? vocab - 1 : r === 1 ? 0 : r === 2 ? UNSCORED : (r * 7919) % vocab,
  );
  const before = gpu.rec.work.dispatches;
  const got = await compare(gpu, { dense, pruned, k }, w, targets, c);
  const dispatches = gpu.rec.work.dispatches - before;
  const [rawA, rawB] = [matmulRef(dense, w.values, k), matmulRef(pruned, w.values, k)];
  const [a, b] = [softcapRef(rawA.values, c), softcapRef(rawB.values, c)];
  const ref = headCompareRef(a, b, vocab, targets);
  const bound = (i: number): number => {
    const r = Math.floor(i / 4);
    const of = (x: Float64Array): Float64Array => x.subarray(r * vocab, (r + 1) * vocab);
    const magnitude = Math.max(...of(rawA.magnitudes), ...of(rawB.magnitudes)) * (c.scale ?? 1);
    const spread = Math.max(...of(a), ...of(b)) - Math.min(...of(a), ...of(b));
    if (i % 4 === 1) return 0;
    if (i % 4 > 1) return TOLERANCE.headLoss(k, vocab, magnitude, spread, !!c.softcap);
    return TOLERANCE.headCompareKl({
      k,
      vocab,
      magnitude,
      spread,
      capped: !!c.softcap,
      kl: ref.values[i] ?? 0,
      deviation: ref.deviations[r] ?? 0,
      // The kernels may go to the plain difference a little earlier, where a part of the vocabulary lies far off.
      far: (ref.farthest[r] ?? 0) > 20,
    });
  };
  expectClose(got, ref.values, bound, JSON.stringify({ ...c, weights: undefined }));
  // KL is not negative, not even by a rounding.
  for (let r = 0; r < rows; r++) expect(got[r * 4]).toBeGreaterThanOrEqual(0);
  return { got, ref, dispatches };
}

const VARIANTS = ['lane', 'tree'] as const;

describe.each(VARIANTS)('headCompare.%s', (variant) => {
  test('vocabularies around 16 and 64, odd widths, every weight type', async () => {
    await runOnGpu(async (gpu) => {
      await check(gpu, { rows: 1, vocab: 1, k: 1, variant, noise: 0.5 });
      await check(gpu, { rows: 3, vocab: 15, k: 4, variant, dtype: 'F16', noise: 0.3 });
      await check(gpu, { rows: 4, vocab: 16, k: 7, variant, dtype: 'BF16', noise: 0.1 });
      await check(gpu, { rows: 5, vocab: 17, k: 8, variant, noise: 1 });
      await check(gpu, { rows: 33, vocab: 65, k: 12, variant, dtype: 'BF16', shardRows: 40, noise: 0.05 });
      await check(gpu, { rows: 9, vocab: 1031, k: 16, variant, dtype: 'F16', noise: 0.2 });
    });
  });

  test('pieces of the vocabulary and of the rows join to the same figures', async () => {
    await runOnGpu(async (gpu) => {
      const shape = { rows: 40, vocab: 333, k: 8, variant, shardRows: 200, noise: 0.2 };
      const whole = await check(gpu, shape);
      const pieces = await check(gpu, { ...shape, scratchBytes: 40 * 64 * 4 });
      const rows = await check(gpu, { ...shape, scratchBytes: 17 * 64 * 4 });
      // 2 shards for each stream and two folds; 6 pieces, one of them over both shards; the same for 3 runs of rows.
      expect([whole, pieces, rows].map((r) => r.dispatches)).toEqual([6, 26, 78]);
    });
  });

  test('equal streams: KL is 0, not nearly 0, and all agree', async () => {
    await runOnGpu(async (gpu) => {
      for (const scratchBytes of [undefined, 20 * 64 * 4]) {
        const { got } = await check(gpu, {
          rows: 20,
          vocab: 205,
          k: 12,
          variant,
          noise: 0,
          spread: 4,
          scratchBytes,
        });
        for (let r = 0; r < 20; r++) {
          if (r === 2) expect(Array.from(got.subarray(8, 12))).toEqual([0, 0, 0, 0]);
          else expect([got[r * 4], got[r * 4 + 1]]).toEqual([0, 1]);
        }
      }
    });
  });

  test('a KL of a millionth is right to 5 %, also beside a shift of all logits', async () => {
    await runOnGpu(async (gpu) => {
      const [rows, k] = [6, 64];
      for (const [vocab, scratchBytes] of [[4099, undefined], [4099, rows * 512 * 4]] as const) {
        // Logits of standard deviation 3, as in language models.
        const weights = normals(vocab * k, 52, 3 / 8);
        const { got, ref } = await check(gpu, { rows, vocab, k, variant, weights, noise: 5e-4, scratchBytes });
        // The last input is 1 in the dense stream and 2 in the pruned one; its weight of 20 shifts all logits alike.
        const shifted = weights.map((x, i) => (i % k === k - 1 ? 20 : x));
        const dense = normals(rows * k, 50).map((x, i) => (i % k === k - 1 ? 1 : x));
        const noise = normals(rows * k, 51, 5e-4);
        const pruned = dense.map((x, i) => (i % k === k - 1 ? 2 : x + (noise[i] ?? 0)));
        const targets = Uint32Array.from({ length: rows }, (_, r) => r);
        const w = uploadWeight(gpu, shifted, k, 'F32');
        const beside = await compare(gpu, { dense, pruned, k }, w, targets, { variant, scratchBytes });
        const want = headCompareRef(
          matmulRef(dense, shifted, k).values,
          matmulRef(pruned, shifted, k).values,
          vocab,
          targets,
        );
        for (let r = 0; r < rows; r++) {
          if (r === 2) continue;
          for (const [value, expected] of [[got[r * 4], ref.values[r * 4]], [beside[r * 4], want.values[r * 4]]]) {
            expect(expected).toBeGreaterThan(3e-7);
            expect(expected).toBeLessThan(5e-6);
            expect(Math.abs((value ?? NaN) / (expected ?? NaN) - 1)).toBeLessThan(0.05);
          }
        }
      } // prettier-ignore
    });
  });

  test('a vocabulary as large as real ones', async () => {
    await runOnGpu(async (gpu) => {
      const { ref, got } = await check(gpu, {
        rows: 3,
        vocab: 49152,
        k: 8,
        variant,
        noise: 1e-3,
        dtype: 'F16',
      });
      for (const i of [0, 4])
        expect(Math.abs((got[i] ?? NaN) / (ref.values[i] ?? NaN) - 1)).toBeLessThan(0.05);
    });
  });

  test('a soft cap and a scale', async () => {
    await runOnGpu(async (gpu) => {
      const shape = { rows: 11, vocab: 140, k: 8, variant, spread: 3, noise: 0.4 };
      for (const scratchBytes of [undefined, 11 * 64 * 4]) {
        await check(gpu, { ...shape, scratchBytes, softcap: 5 });
        await check(gpu, { ...shape, scratchBytes, scale: 0.25 });
        await check(gpu, { ...shape, scratchBytes, softcap: 2, scale: 0.25 });
      }
    });
  });

  test('streams far apart and large logits: nothing overflows, nothing vanishes', async () => {
    await runOnGpu(async (gpu) => {
      for (const scratchBytes of [undefined, 9 * 64 * 4]) {
        for (const [spread, noise] of [[1, 3], [10, 3], [60, 0.01], [60, 30], [60, 60], [0.01, 100]] as const)
          await check(gpu, { rows: 9, vocab: 150, k: 4, variant, spread, noise, scratchBytes });
      } // prettier-ignore
    });
  });

  test('dense mass on what the pruned stream rules out, and the other way round', async () => {
    await runOnGpu(async (gpu) => {
      // Logits given directly: x is one-hot, a row of x picks a column of w.
      const vocab = 130;
      const rowsOf = [
        (c: number) => (c === 77 ? 50 : 0),
        (c: number) => (c === 77 ? -50 : 0),
        (c: number) => (c === 3 ? 60 : c % 5),
        (c: number) => -c,
        (c: number) => c,
        () => 0,
        () => 1000,
        (c: number) => (c === 129 ? 1200 : 1000),
      ];
      const k = rowsOf.length;
      const w = uploadWeight(gpu, Float32Array.from({ length: vocab * k }, (_, i) => rowsOf[i % k]?.(Math.floor(i / k)) ?? 0), k, 'F32'); // prettier-ignore
      const pairs = rowsOf.flatMap((_, i) => rowsOf.map((_, j) => [i, j] as const));
      const pick = (side: 0 | 1): Float32Array => Float32Array.from({ length: pairs.length * k }, (_, n) => (pairs[Math.floor(n / k)]?.[side] === n % k ? 1 : 0)); // prettier-ignore
      const [dense, pruned] = [pick(0), pick(1)];
      const targets = new Uint32Array(pairs.length).fill(3);
      const ref = headCompareRef(matmulRef(dense, w.values, k).values, matmulRef(pruned, w.values, k).values, vocab, targets); // prettier-ignore
      for (const scratchBytes of [undefined, pairs.length * 64 * 4]) {
        const got = await compare(gpu, { dense, pruned, k }, w, targets, { variant, scratchBytes });
        const bound = (i: number): number => {
          const [a, b] = pairs[Math.floor(i / 4)] ?? [0, 0];
          const size = Math.max(...[a, b].map((n) => Math.max(...Array.from({ length: vocab }, (_, c) => Math.abs(rowsOf[n]?.(c) ?? 0))))); // prettier-ignore
          if (i % 4 === 1) return 0;
          return (i % 4 === 0 ? 2 : 1) * TOLERANCE.headLoss(k, vocab, size, size * 2);
        };
        expectClose(got, ref.values, bound);
      }
    });
  });

  test('the lowest id is the largest among equals, in one piece and across pieces', async () => {
    await runOnGpu(async (gpu) => {
      const vocab = 200;
      // Column 0 peaks at 20, 21 and 150; column 1 at 20; column 2 at 21; column 3 at 150.
      const peaks = [[20, 21, 150], [20], [21], [150]]; // prettier-ignore
      const w = uploadWeight(gpu, Float32Array.from({ length: vocab * 4 }, (_, i) => (peaks[i % 4]?.includes(i >> 2) ? 2 : 1)), 4, 'F32'); // prettier-ignore
      const oneHot = (ids: number[]): Float32Array => Float32Array.from({ length: ids.length * 4 }, (_, i) => (ids[i >> 2] === i % 4 ? 1 : 0)); // prettier-ignore
      const [dense, pruned] = [oneHot([0, 0, 0, 1, 2, 3]), oneHot([1, 2, 3, 0, 0, 0])];
      for (const scratchBytes of [undefined, 6 * 64 * 4]) {
        const got = await compare(gpu, { dense, pruned, k: 4 }, w, new Uint32Array(6), {
          variant,
          scratchBytes,
        });
        expect(Array.from({ length: 6 }, (_, r) => got[r * 4 + 1])).toEqual([1, 0, 0, 1, 0, 0]);
      }
    });
  });

  test('what is not finite spoils its own row and stream', async () => {
    await runOnGpu(async (gpu) => {
      const [rows, vocab, k] = [7, 150, 4];
      const w = uploadWeight(gpu, normals(vocab * k, 53), k, 'F32');
      const dense = normals(rows * k, 54);
      const pruned = normals(rows * k, 55);
      dense[k] = NaN;
      pruned[3 * k + 1] = Infinity;
      dense[4 * k] = -Infinity;
      pruned[4 * k] = NaN;
      pruned.fill(1e38, 6 * k, 7 * k);
      const targets = Uint32Array.from({ length: rows }, (_, r) => (r === 5 ? UNSCORED : r * 3));
      dense.fill(NaN, 5 * k, 6 * k);
      for (const options of [{}, { scratchBytes: rows * 64 * 4 }, { softcap: 30 }]) {
        const got = await compare(gpu, { dense, pruned, k }, w, targets, { variant, ...options });
        const bad = (at: number): boolean[] =>
          Array.from({ length: rows }, (_, r) => Number.isNaN(got[r * 4 + at]));
        expect(bad(0)).toEqual([false, true, false, true, true, false, true]);
        expect(bad(1)).toEqual(new Array(rows).fill(false));
        expect(bad(2)).toEqual([false, false, false, true, true, false, true]);
        expect(bad(3)).toEqual([false, true, false, false, true, false, false]);
        for (const r of [1, 3, 4, 5, 6]) expect(got[r * 4 + 1]).toBe(0);
        expect(Array.from(got.subarray(20, 24))).toEqual([0, 0, 0, 0]);
      }
    });
  });
});

test('losses are those of headLoss, and kept logits give the same figures without the dense stream', async () => {
  await runOnGpu(async (gpu) => {
    const [rows, vocab, k, begin] = [7, 300, 8, 5];
    const w = uploadWeight(gpu, normals(vocab * k, 60), k, 'BF16').weight;
    const dense = uploadAct(gpu, normals(rows * k, 61), k);
    const pruned = uploadAct(gpu, normals(rows * k, 62), k);
    const targets = upload(
      gpu,
      Uint32Array.from({ length: begin + rows }, (_, r) => (r * 41) % vocab),
    );
    const kept = new Map<string, LabBuffer>();
    for (const scratchBytes of [undefined, rows * 64 * 4]) {
      kept.clear();
      const alone = upload(gpu, new Float32Array(begin + rows).fill(7));
      const options = { begin, ...(scratchBytes && { scratchBytes }) };
      await headLoss(gpu.rec, pruned, w, targets, alone, gpu.workspace, options);
      const piece = (row: number, column: number): LabBuffer => {
        const key = `${row} ${column}`;
        const buffer = kept.get(key) ?? upload(gpu, new Float32Array(rows * vocab));
        kept.set(key, buffer);
        return buffer;
      };
      const results: Float32Array[] = [];
      for (const known of [undefined, false, true]) {
        const losses = upload(gpu, new Float32Array(begin + rows).fill(7));
        const figures = upload(gpu, new Float32Array((begin + rows) * 4).fill(7));
        const store = known === undefined ? {} : { store: { known, piece } };
        const buffers = { targets, losses, figures };
        await headCompare(gpu.rec, known ? null : dense, pruned, w, buffers, gpu.workspace, {
          ...options,
          ...store,
        });
        const bits = await gpu.rec.readF32(losses, begin + rows);
        expect(bits).toEqual(await gpu.rec.readF32(alone, begin + rows));
        results.push(await gpu.rec.readF32(figures, (begin + rows) * 4));
      }
      expect(results[1]).toEqual(results[0]);
      expect(results[2]).toEqual(results[0]);
      expect(Array.from(results[0]?.subarray(0, begin * 4) ?? [])).toEqual(new Array(begin * 4).fill(7));
      expect([...kept.keys()][0]).toBe('5 0');
    }
  });
});

test('headCompare: shapes that contradict each other are refused', async () => {
  await runOnGpu(async (gpu) => {
    const w = uploadWeight(gpu, normals(40, 56), 4, 'F32').weight;
    const [a, b] = [uploadAct(gpu, normals(8, 57), 4), uploadAct(gpu, normals(12, 58), 4)];
    const small = upload(gpu, new Float32Array(4));
    const targets = upload(gpu, new Uint32Array(2));
    const buffers = { targets, losses: small, figures: small };
    const compared = (dense: typeof a | null, pruned: typeof a): Promise<void> =>
      headCompare(gpu.rec, dense, pruned, w, buffers, gpu.workspace);
    await expect(compared(b, a)).rejects.toThrow(/xDense has 3 rows/);
    await expect(compared(a, a)).rejects.toThrow(/figures .* needs 32/);
    await expect(compared(null, a)).rejects.toThrow(/no dense stream/);
  });
});
