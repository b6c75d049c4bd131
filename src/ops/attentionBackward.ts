import { defineKernel, foldGrid } from '../gpu/kernel';
import type { Recorder } from '../gpu/recorder';
import attentionKeys from '../../shaders/attentionKeys.wgsl?raw';
import shared from '../../shaders/lib/attention.wgsl?raw';
import grid from '../../shaders/lib/grid.wgsl?raw';
import softcap from '../../shaders/lib/softcap.wgsl?raw';
import softmaxBackward from '../../shaders/softmaxBackward.wgsl?raw';
import {
  attentionChunks,
  checkAttention,
  chunkBytes,
  chunkSoftmax,
  usableTiles,
  type AttentionOptions,
} from './attention';
import { checkAct, require } from './check';
import type { Act } from './types';
import type { Workspace } from './workspace';

export const attentionBackwardKernels = {
  softmax: defineKernel('attentionBackward.softmax', grid, softcap, shared, softmaxBackward),
  keys: defineKernel('attentionBackward.keys', shared, attentionKeys),
};

/** What goes into attention, or the gradients of it. */
export interface AttentionInputs {
  q: Act;
  k: Act;
  v: Act;
}

/**
 * Gradients of q, k and v of `attention` from the gradient dOut of its output. The weights are computed again, chunk by
 * chunk as in `attention`: at most three blocks of `scratchBytes`. Whole sequences only: positionBegin 0 and keys =
 * queries.
 */
export async function attentionBackward(
  rec: Recorder,
  inputs: AttentionInputs,
  dOut: Act,
  gradients: AttentionInputs,
  options: AttentionOptions,
  workspace: Workspace,
): Promise<void> {
  const op = 'attentionBackward';
  const { batch, queries, heads, kvHeads, headDim, positionBegin, keys } = options;
  const { q, k, v } = inputs;
  const shapes = checkAttention(q, k, v, dOut, options);
  require(positionBegin === 0 &&
    keys === queries &&
    shapes.kvStride === keys, op, `${keys} keys for ${queries} queries at ${positionBegin}`);
  for (const name of ['q', 'k', 'v'] as const) {
    const { rows, cols } = inputs[name];
    checkAct(op, `gradient of ${name}`, gradients[name], { rows, cols });
  }
  const all = [q, k, v, dOut, gradients.q, gradients.k, gradients.v].map((a) => a.buffer);
  require(new Set(all).size === all.length, op, 'operands share a buffer');
  const tokens = batch * queries;
  if (tokens * heads * headDim === 0) return;
  for (const of of [gradients.k, gradients.v]) rec.clear(of.buffer, 0, tokens * of.cols * 4);

  const tiles = usableTiles(rec.ctx, options);
  const { rows, chunks } = attentionChunks(rec, tiles, options, shapes);
  const bytes = rows * shapes.keyStride * 4;
  const scores = workspace.buffer(rec, 'tile', bytes);
  const gradient = workspace.buffer(rec, 'tile gradient', bytes);
  const raw = shapes.softcap > 0 ? workspace.buffer(rec, 'tile uncapped', bytes) : scores;
  const inverse = workspace.buffer(rec, 'rowSums', rows * 4);
  const [width, height] = rec.ctx.record.software ? [4, 1] : [8, 8];
  const group = heads / kvHeads;
  for (const chunk of chunks) {
    const { params, pairs, seen, across, along } = chunk;
    const flops = seen * headDim * 2;
    const moved = chunkBytes(chunk, options);
    const shared = { params, cost: flops + 4 * seen * 16, flops, bytes: moved, constants: tiles.constants };
    const score = { kernel: tiles.scores, grid: [across, along, pairs] as const, ...shared };
    await rec.run({ ...score, bind: { q: q.buffer, k: k.buffer, scores } });
    // The softmax caps in place.
    if (raw !== scores) await rec.run({ ...score, bind: { q: q.buffer, k: k.buffer, scores: raw } });
    await chunkSoftmax(rec, scores, inverse, chunk, options.softmax);
    await rec.run({
      ...score,
      params: { ...params, scale: 1 },
      bind: { q: dOut.buffer, k: v.buffer, scores: gradient },
    });
    const firstKv = Math.floor((params['pairBegin'] ?? 0) / group);
    const lastKv = Math.floor(((params['pairBegin'] ?? 0) + pairs - 1) / group);
    const byKey = {
      kernel: attentionBackwardKernels.keys,
      params,
      grid: [
        Math.ceil(chunk.keys / (4 * width)),
        Math.ceil(headDim / (4 * height)),
        lastKv - firstKv + 1,
      ] as const,
      cost: 6 * flops,
      flops,
      bytes: moved,
      constants: { WIDTH: width, HEIGHT: height },
    };
    await rec.run({
      ...byKey,
      bind: { weights: scores, inverse, x: dOut.buffer, out: gradients.v.buffer },
    });
    await rec.run({
      kernel: attentionBackwardKernels.softmax,
      bind: { weights: scores, inverse, raw, gradient },
      params,
      grid: foldGrid(Math.ceil(chunk.rows / 8)),
      cost: seen * (shapes.softcap > 0 ? 120 : 60),
      flops: seen * 6,
      bytes: seen * (shapes.softcap > 0 ? 16 : 12),
    });
    await rec.run({
      kernel: tiles.values,
      bind: { scores: gradient, inverse, v: k.buffer, out: gradients.q.buffer },
      grid: [across, Math.ceil(headDim / tiles.columns), pairs],
      ...shared,
    });
    await rec.run({ ...byKey, bind: { weights: gradient, inverse, x: q.buffer, out: gradients.k.buffer } });
  }
}
