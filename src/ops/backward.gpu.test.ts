import { describe, expect, test } from 'vitest';
import { normals, poisonedAct, readAct, runOnGpu, upload, uploadAct } from '../testing/gpuFixture';
import { expectClose } from '../testing/compare';
import { TOLERANCE } from '../testing/tolerances';
import { ACTIVATIONS } from './activate';
import { ATTENTION_TILES, attentionSupported } from './attention';
import { attentionBackward } from './attentionBackward';
import {
  tryAccumulate,
  tryActivateBackward,
  tryAttentionBackward,
  tryHeadLossBackward,
  tryMergeColumns,
  tryNormBackward,
  tryTranspose,
  tryWeightGradient,
} from './backwardTrials';
import { normBackward } from './normBackward';
import { rope } from './rope';
import { ropeRef, ropeTableRef } from './rope.ref';
import { weightGradient } from './weightGradient';

const DTYPES = ['F32', 'F16', 'BF16'] as const;

describe('transpose', () => {
  test.each(DTYPES)('%s: odd sizes, padding, shards, a run of rows', async (dtype) => {
    await runOnGpu(async (gpu) => {
      await tryTranspose(gpu, { rows: 1, cols: 1, dtype, outCols: 4 });
      await tryTranspose(gpu, { rows: 13, cols: 7, dtype, outCols: 13 });
      await tryTranspose(gpu, { rows: 13, cols: 7, dtype, outCols: 16, shardRows: 4 });
      await tryTranspose(gpu, { rows: 30, cols: 66, dtype, outCols: 11, shardRows: 8, rowBegin: 5 });
      await tryTranspose(gpu, { rows: 30, cols: 3, dtype, outCols: 20, shardRows: 16, rowBegin: 17 });
    });
  });
});

test.each([false, true])('accumulate, squared: %s', async (squared) => {
  await runOnGpu(async (gpu) => {
    await tryAccumulate(gpu, 1, 1, squared);
    await tryAccumulate(gpu, 9, 37, squared);
  });
});

test('mergeColumns puts back what splitColumns takes out, and nothing else changes', async () => {
  await runOnGpu(async (gpu) => {
    await tryMergeColumns(gpu, 1, 1, 1, { begin: 0, block: 1, stride: 1 });
    await tryMergeColumns(gpu, 5, 13, 26, { begin: 13, block: 13, stride: 13 });
    await tryMergeColumns(gpu, 4, 20, 60, { begin: 10, block: 5, stride: 15 });
    await tryMergeColumns(gpu, 3, 8, 17, { begin: 1, block: 3, stride: 7 });
  });
});

describe('normBackward', () => {
  test.each(['rms', 'layer'] as const)('%s: widths, offset, added to what is there', async (kind) => {
    await runOnGpu(async (gpu) => {
      const offsets = kind === 'rms' ? ([0, 1] as const) : ([0] as const);
      for (const offset of offsets)
        for (const [rows, cols] of [
          [1, 1],
          [3, 5],
          [9, 64],
          [17, 33],
          [2, 2049],
        ] as const) {
          await tryNormBackward(gpu, rows, cols, { kind, eps: 1e-5, offset });
          await tryNormBackward(gpu, rows, cols, { kind, eps: 2e-3, offset, accumulate: true });
        }
    });
  });

  test('a mean far from 0 costs the layer norm no digits but its own', async () => {
    await runOnGpu(async (gpu) => {
      for (const mean of [100, -1e4]) await tryNormBackward(gpu, 5, 301, { kind: 'layer', eps: 1e-5 }, mean);
    });
  });

  test('shared buffers are refused', async () => {
    await runOnGpu(async (gpu) => {
      const [x, dy] = [uploadAct(gpu, normals(8, 1), 4), uploadAct(gpu, normals(8, 2), 4)];
      const weight = { buffer: upload(gpu, normals(4, 3)), length: 4 };
      const run = normBackward(gpu.rec, x, weight, dy, dy, { kind: 'rms', eps: 1e-5 });
      await expect(run).rejects.toThrow(/dx shares a buffer/);
    });
  });
});

test.each(ACTIVATIONS)('activateBackward: %s, gated and alone', async (kind) => {
  await runOnGpu(async (gpu) => {
    for (const gated of [true, false]) {
      await tryActivateBackward(gpu, kind, 1, 1, gated);
      await tryActivateBackward(gpu, kind, 9, 67, gated);
    }
  });
});

test('rope turns back', async () => {
  await runOnGpu(async (gpu) => {
    const shape = { heads: 2, headDim: 13, seqLength: 5, positionBegin: 3, rotaryDim: 6 };
    const x = normals(10 * 26, 7);
    // A factor on sine and cosine stays what it is: the turn's transpose, not its inverse.
    const table = ropeTableRef(8, 6, 100).map((value) => 1.3 * value);
    const act = uploadAct(gpu, x, 26);
    await rope(gpu.rec, act, upload(gpu, Float32Array.from(table)), { ...shape, inverse: true });
    const turned = ropeRef(
      x,
      table.map((value, i) => (i % 2 ? -value : value)),
      shape,
    );
    const bound = (): number => TOLERANCE.rope(1.3 * 4, 1.3 * 4);
    expectClose(await gpu.rec.readF32(act.buffer, x.length), turned, bound);
  });
});

describe('attentionBackward', () => {
  const SHAPES = {
    'one of everything': { batch: 1, queries: 1, heads: 1, kvHeads: 1, headDim: 4 },
    'a tile and one, three heads to a key head': { batch: 1, queries: 33, heads: 6, kvHeads: 2, headDim: 16 },
    'two sequences, several tiles': { batch: 2, queries: 67, heads: 3, kvHeads: 1, headDim: 8 },
    'odd head width': { batch: 2, queries: 10, heads: 2, kvHeads: 1, headDim: 13 },
    'head width 1': { batch: 1, queries: 5, heads: 3, kvHeads: 3, headDim: 1 },
    'head width 64': { batch: 1, queries: 18, heads: 1, kvHeads: 1, headDim: 64 },
  };

  test.each(Object.entries(SHAPES))('%s: plain, windows, soft caps', async (_name, shape) => {
    await runOnGpu(async (gpu) => {
      for (const tiles of ATTENTION_TILES.filter((t) => attentionSupported(gpu.ctx, t, shape.headDim))) {
        await tryAttentionBackward(gpu, { ...shape, tiles, softmax: 'tree' });
        await tryAttentionBackward(gpu, { ...shape, tiles, window: 1 });
        await tryAttentionBackward(gpu, { ...shape, tiles, window: 9, softcap: 1.5, softmax: 'lane' });
        await tryAttentionBackward(gpu, { ...shape, tiles, softcap: 0.3 });
      }
    });
  });

  test('chunks of queries and of heads add up', async () => {
    await runOnGpu(async (gpu) => {
      const shape = { batch: 2, queries: 45, heads: 6, kvHeads: 2, headDim: 8 };
      for (const tiles of ATTENTION_TILES.filter((t) => attentionSupported(gpu.ctx, t, shape.headDim))) {
        for (const scratchBytes of [32 * 48 * 4, 2 * 45 * 48 * 4]) {
          await tryAttentionBackward(gpu, { ...shape, tiles, scratchBytes });
          await tryAttentionBackward(gpu, { ...shape, tiles, scratchBytes, window: 13, softcap: 2 });
        }
      }
    });
  });

  test('a cache and shared buffers are refused', async () => {
    await runOnGpu(async (gpu) => {
      const act = () => uploadAct(gpu, normals(12, 1), 4);
      const [inputs, gradients] = [
        { q: act(), k: act(), v: act() },
        { q: act(), k: act(), v: act() },
      ];
      const base = {
        batch: 1,
        queries: 3,
        keys: 3,
        heads: 1,
        kvHeads: 1,
        headDim: 4,
        positionBegin: 0,
        scale: 1,
      };
      const run = (o: Partial<typeof base>, g = gradients): Promise<void> =>
        attentionBackward(gpu.rec, inputs, act(), g, { ...base, ...o }, gpu.workspace);
      await expect(run({ queries: 2, positionBegin: 1 })).rejects.toThrow();
      await expect(run({}, { ...gradients, k: inputs.q })).rejects.toThrow(/operands share a buffer/);
    });
  });
});

describe('headLossBackward', () => {
  test.each(DTYPES)('%s: odd widths, shards, factors and caps', async (dtype) => {
    await runOnGpu(async (gpu) => {
      await tryHeadLossBackward(gpu, { rows: 1, vocab: 1, k: 1, dtype, factor: 1 });
      await tryHeadLossBackward(gpu, { rows: 5, vocab: 17, k: 8, dtype, factor: 0.25, scale: 0.5 });
      await tryHeadLossBackward(gpu, {
        rows: 33,
        vocab: 97,
        k: 12,
        dtype,
        factor: 1 / 32,
        shardRows: 40,
        softcap: 3,
      });
    });
  });

  test('pieces of the vocabulary and of the rows add up', async () => {
    await runOnGpu(async (gpu) => {
      const shape = { rows: 40, vocab: 333, k: 8, factor: 1 / 39, shardRows: 200 };
      for (const scratchBytes of [40 * 64 * 4, 17 * 64 * 4])
        for (const softcap of [0, 2])
          for (const variant of ['lane', 'tree'] as const)
            await tryHeadLossBackward(gpu, { ...shape, scratchBytes, softcap, variant });
    });
  });
});

test.each(['sum', 'squares'] as const)('weightGradient: %s', async (kind) => {
  await runOnGpu(async (gpu) => {
    await tryWeightGradient(gpu, { kind, sequences: 1, length: 1, outputs: 1, inputs: 1 });
    await tryWeightGradient(gpu, { kind, sequences: 3, length: 7, outputs: 13, inputs: 9 });
    await tryWeightGradient(gpu, {
      kind,
      sequences: 2,
      length: 32,
      outputs: 65,
      inputs: 40,
      scratchBytes: 40 * 4 * 7,
    });
    const [dy, x] = [uploadAct(gpu, normals(12, 1), 2), uploadAct(gpu, normals(12, 2), 2)];
    const total = poisonedAct(gpu, 2, 2);
    const odd = weightGradient(gpu.rec, dy, x, total, gpu.workspace, { kind, length: 4 });
    await expect(odd).rejects.toThrow(/6 rows in sequences of 4/);
    expect(Array.from(await readAct(gpu, total))).toEqual([NaN, NaN, NaN, NaN]);
  });
});
