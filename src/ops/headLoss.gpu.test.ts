import { describe, expect, test } from 'vitest';
import type { FloatDtype } from '../core/dtypes';
import { expectClose } from '../testing/compare';
import {
  normals,
  poisonedAct,
  readAct,
  runOnGpu,
  upload,
  uploadAct,
  uploadWeight,
  type GpuFixture,
} from '../testing/gpuFixture';
import { TOLERANCE } from '../testing/tolerances';
import { headLoss, logits, UNSCORED, type HeadLossOptions } from './headLoss';
import { headLossRef } from './headLoss.ref';
import { matmulRef } from './matmul.ref';
import { softcapRef } from './softcap.ref';

interface Case extends HeadLossOptions {
  rows: number;
  vocab: number;
  k: number;
  dtype?: FloatDtype;
  shardRows?: number;
  /** Standard deviation of x. */
  spread?: number;
}

async function check(gpu: GpuFixture, c: Case): Promise<number> {
  const { rows, vocab, k } = c;
  const x = normals(rows * k, 40, c.spread);
  const w = uploadWeight(gpu, normals(vocab * k, 41), k, c.dtype ?? 'F32', c.shardRows);
  // The first and the last entry of the vocabulary are among the targets, and one row is not scored.
  const targets = Uint32Array.from({ length: rows }, (_, r) =>
    r === 0 ? vocab - 1 : r === 1 ? 0 : r === 2 ? UNSCORED : (r * 7919) % vocab,
  );
  const losses = upload(gpu, new Float32Array(rows + 16).fill(NaN));
  const before = gpu.rec.work.dispatches;
  await headLoss(gpu.rec, uploadAct(gpu, x, k), w.weight, upload(gpu, targets), losses, gpu.workspace, c);
  const dispatches = gpu.rec.work.dispatches - before;
  const ref = matmulRef(x, w.values, k);
  const values = softcapRef(ref.values, c);
  const bound = (r: number): number => {
    const of = values.subarray(r * vocab, (r + 1) * vocab);
    const magnitude = Math.max(...ref.magnitudes.subarray(r * vocab, (r + 1) * vocab)) * (c.scale ?? 1);
    return TOLERANCE.headLoss(k, vocab, magnitude, Math.max(...of) - Math.min(...of), !!c.softcap);
  };
  expectClose(
    await readAct(gpu, { buffer: losses, rows, cols: 1 }),
    headLossRef(values, vocab, targets),
    bound,
    JSON.stringify(c),
  );
  return dispatches;
}

const VARIANTS = ['lane', 'tree'] as const;

describe('headLoss', () => {
  test.each(VARIANTS)('%s: vocabularies around 16 and 64, odd widths, every weight type', async (variant) => {
    await runOnGpu(async (gpu) => {
      await check(gpu, { rows: 1, vocab: 1, k: 1, variant });
      await check(gpu, { rows: 3, vocab: 15, k: 4, variant, dtype: 'F16' });
      await check(gpu, { rows: 4, vocab: 16, k: 7, variant, dtype: 'BF16' });
      await check(gpu, { rows: 5, vocab: 17, k: 8, variant });
      await check(gpu, { rows: 33, vocab: 65, k: 12, variant, dtype: 'BF16', shardRows: 40 });
      await check(gpu, { rows: 9, vocab: 1031, k: 16, variant, dtype: 'F16' });
    });
  });

  test.each(VARIANTS)(
    '%s: pieces of the vocabulary and of the rows join to the same loss',
    async (variant) => {
      await runOnGpu(async (gpu) => {
        const shape = { rows: 40, vocab: 333, k: 8, variant, shardRows: 200 };
        const whole = await check(gpu, shape);
        const pieces = await check(gpu, { ...shape, scratchBytes: 40 * 64 * 4 });
        const rows = await check(gpu, { ...shape, scratchBytes: 17 * 64 * 4 });
        // 2 shards and a fold; 6 pieces, one of them over both shards; the same for each of 3 runs of rows.
        expect([whole, pieces, rows]).toEqual([3, 13, 39]);
      });
    },
  );

  test.each(VARIANTS)('%s: a soft cap and a scale, in pieces', async (variant) => {
    await runOnGpu(async (gpu) => {
      const shape = { rows: 19, vocab: 333, k: 8, variant, shardRows: 200, spread: 3 };
      for (const scratchBytes of [undefined, 19 * 64 * 4]) {
        await check(gpu, { ...shape, scratchBytes, softcap: 5 });
        await check(gpu, { ...shape, scratchBytes, scale: 0.25 });
        await check(gpu, { ...shape, scratchBytes, scale: 0.25, softcap: 2 });
      }
    });
  });

  test.each(VARIANTS)('%s: a logit that is not finite makes its row NaN under a cap too', async (variant) => {
    await runOnGpu(async (gpu) => {
      const [rows, vocab, k] = [3, 70, 4];
      const x = normals(rows * k, 48);
      x.fill(1e38, k, 2 * k);
      const w = uploadWeight(gpu, normals(vocab * k, 49, 10), k, 'F32');
      const losses = upload(gpu, new Float32Array(rows + 16).fill(7));
      await headLoss(gpu.rec, uploadAct(gpu, x, k), w.weight, upload(gpu, Uint32Array.of(1, 2, 3)), losses, gpu.workspace, { variant, softcap: 30 }); // prettier-ignore
      expect(Array.from(await gpu.rec.readF32(losses, rows), Number.isNaN)).toEqual([false, true, false]);
    });
  });

  test.each(VARIANTS)('%s: wide spreads neither overflow nor vanish', async (variant) => {
    await runOnGpu(async (gpu) => {
      await check(gpu, { rows: 4, vocab: 100, k: 4, variant, spread: 60 });
    });
  });

  test.each(VARIANTS)('%s: a logit that is not finite makes its row NaN, and no other', async (variant) => {
    await runOnGpu(async (gpu) => {
      const [rows, vocab, k] = [8, 150, 4];
      const w = uploadWeight(gpu, normals(vocab * k, 43), k, 'F32');
      const x = normals(rows * k, 44);
      x[1 * k] = NaN;
      x[3 * k + 1] = Infinity;
      x[4 * k + 2] = -Infinity;
      x.fill(1e38, 6 * k, 7 * k);
      const targets = Uint32Array.from({ length: rows }, (_, r) => r * 3);
      for (const scratchBytes of [undefined, rows * 64 * 4]) {
        const losses = upload(gpu, new Float32Array(rows + 16).fill(7));
        await headLoss(gpu.rec, uploadAct(gpu, x, k), w.weight, upload(gpu, targets), losses, gpu.workspace, {
          variant,
          scratchBytes,
        });
        const got = await gpu.rec.readF32(losses, rows);
        expect(Array.from(got, Number.isNaN)).toEqual([false, true, false, true, true, false, true, false]);
      }
      // One bad entry of the table, in the last piece, spoils every row.
      const table = normals(vocab * k, 43);
      table[149 * k + 3] = NaN;
      const losses = upload(gpu, new Float32Array(rows + 16).fill(7));
      const bad = uploadWeight(gpu, table, k, 'F32').weight;
      await headLoss(
        gpu.rec,
        uploadAct(gpu, normals(rows * k, 45), k),
        bad,
        upload(gpu, targets),
        losses,
        gpu.workspace,
        { variant, scratchBytes: rows * 64 * 4 },
      );
      expect(Array.from(await gpu.rec.readF32(losses, rows), Number.isNaN)).toEqual(
        new Array(rows).fill(true),
      );
    });
  });

  test('logits of few and of many rows', async () => {
    await runOnGpu(async (gpu) => {
      for (const rows of [1, 4, 5, 17]) {
        const x = normals(rows * 12, 46);
        const w = uploadWeight(gpu, normals(50 * 12, 47), 12, 'F16', 30);
        const out = poisonedAct(gpu, rows, 50);
        await logits(gpu.rec, uploadAct(gpu, x, 12), w.weight, out);
        const ref = matmulRef(x, w.values, 12);
        expectClose(await readAct(gpu, out), ref.values, (i) => TOLERANCE.matmul(12, ref.magnitudes[i] ?? 0));
        const capped = poisonedAct(gpu, rows, 50);
        await logits(gpu.rec, uploadAct(gpu, x, 12), w.weight, capped, { softcap: 3, scale: 0.5 });
        const want = softcapRef(ref.values, { softcap: 3, scale: 0.5 });
        const bound = (i: number): number =>
          TOLERANCE.matmul(12, (ref.magnitudes[i] ?? 0) / 2) + TOLERANCE.softcap(want[i] ?? 0);
        expectClose(await readAct(gpu, capped), want, bound);
      }
    });
  });
});
