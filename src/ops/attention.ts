import { defineKernel, foldGrid, type Kernel } from '../gpu/kernel';
import type { GpuContext } from '../gpu/context';
import type { Recorder } from '../gpu/recorder';
import shared from '../../shaders/lib/attention.wgsl?raw';
import grid from '../../shaders/lib/grid.wgsl?raw';
import scores from '../../shaders/attentionScores.wgsl?raw';
import scoresScalar from '../../shaders/attentionScoresScalar.wgsl?raw';
import values from '../../shaders/attentionValues.wgsl?raw';
import valuesScalar from '../../shaders/attentionValuesScalar.wgsl?raw';
import softmaxLane from '../../shaders/softmaxLane.wgsl?raw';
import softmaxTree from '../../shaders/softmaxTree.wgsl?raw';
import { checkAct, require } from './check';
import { bySpeed, firstUsable } from './choose';
import type { Act } from './types';
import { SCRATCH_BYTES, type Workspace } from './workspace';

export const attentionKernels = {
  scores: defineKernel('attention.scores', shared, scores),
  scoresScalar: defineKernel('attention.scoresScalar', shared, scoresScalar),
  softmaxLane: defineKernel('attention.softmaxLane', grid, shared, softmaxLane),
  softmaxTree: defineKernel('attention.softmaxTree', grid, shared, softmaxTree),
  values: defineKernel('attention.values', shared, values),
  valuesScalar: defineKernel('attention.valuesScalar', shared, valuesScalar),
};

export interface AttentionOptions {
  batch: number;
  /** Queries per sequence. */
  queries: number;
  /** Keys per sequence that are filled; at least positionBegin + queries. */
  keys: number;
  heads: number;
  /** Divides heads. */
  kvHeads: number;
  headDim: number;
  /** Position of the first query: query i sees keys 0..positionBegin + i. 0 without a cache. */
  positionBegin: number;
  /** Factor of the scores, usually headDim ** -0.5. */
  scale: number;
  /** Rows between the first keys of two sequences (the cache's capacity); default `keys`. */
  kvStride?: number;
  softmax?: 'lane' | 'tree';
  /** `scalar` works for every head width; `tile` needs headDim % 4 == 0. */
  tiles?: 'tile' | 'scalar';
  /** Bound of the scores held at once; tests lower it. */
  scratchBytes?: number;
}

/** How scores and weighted sums are computed; the choice of the softmax is independent of it. */
export function chooseTiles(ctx: GpuContext, headDim: number): 'tile' | 'scalar' {
  return firstUsable(ctx, 'attention', headDim % 4 === 0 ? ['tile', 'scalar'] : ['scalar']);
}

const TILE = 8;
const MAX_PAIRS = 65535;

interface Shapes extends Required<Pick<AttentionOptions, 'kvStride' | 'scratchBytes'>> {
  keyStride: number;
}

function check(q: Act, k: Act, v: Act, out: Act, o: AttentionOptions): Shapes {
  const kvStride = o.kvStride ?? o.keys;
  const op = 'attention';
  require(o.heads % o.kvHeads === 0, op, `${o.heads} heads over ${o.kvHeads} key heads`);
  require(o.keys >= o.positionBegin + o.queries &&
    kvStride >= o.keys, op, `${o.queries} queries at ${o.positionBegin}, ${o.keys} keys, stride ${kvStride}`);
  checkAct(op, 'q', q, { rows: o.batch * o.queries, cols: o.heads * o.headDim });
  checkAct(op, 'out', out, { rows: o.batch * o.queries, cols: o.heads * o.headDim });
  for (const [name, act] of [
    ['k', k],
    ['v', v],
  ] as const) {
    checkAct(op, name, act, { cols: o.kvHeads * o.headDim });
    require(act.rows >= (o.batch - 1) * kvStride + o.keys, op, `${name} has ${act.rows} rows`);
  }
  require([q, k, v].every((a) => a.buffer !== out.buffer), op, 'out shares a buffer with an input');
  return { kvStride, keyStride: Math.ceil(o.keys / 4) * 4, scratchBytes: o.scratchBytes ?? SCRATCH_BYTES };
}

/**
 * Causal grouped-query attention. q, out [batch * queries, heads * headDim]; k, v [batch * kvStride, kvHeads * headDim].
 * Scores exist only in chunks of at most `scratchBytes`: [pairs of (sequence, head), queries, keys].
 */
export async function attention(
  rec: Recorder,
  q: Act,
  k: Act,
  v: Act,
  out: Act,
  options: AttentionOptions,
  workspace: Workspace,
): Promise<void> {
  const { batch, queries, keys, heads, headDim, positionBegin } = options;
  const { kvStride, keyStride, scratchBytes } = check(q, k, v, out, options);
  const pairsTotal = batch * heads;
  if (pairsTotal * queries * headDim === 0) return;
  const software = rec.ctx.record.software;
  const scalar = (options.tiles ?? chooseTiles(rec.ctx, headDim)) === 'scalar';
  require(scalar || headDim % 4 === 0, 'attention', `headDim ${headDim} needs the scalar tiles`);
  const lane = (options.softmax ?? bySpeed(rec.ctx, 'attention', 'lane', 'tree')) === 'lane';

  const rowCost = keys * (2 * headDim + 60);
  const maxRows = Math.max(TILE, Math.floor(Math.min(scratchBytes / (keyStride * 4), rec.maxCost / rowCost)));
  const pairStep = Math.min(pairsTotal, MAX_PAIRS, Math.max(1, Math.floor(maxRows / queries)));
  const queryStep = pairStep > 1 || maxRows >= queries ? queries : Math.floor(maxRows / TILE) * TILE;
  const scoreBuffer = workspace.buffer(rec, 'tile', pairStep * queryStep * keyStride * 4);
  const inverse = workspace.buffer(rec, 'rowSums', pairStep * queryStep * 4);

  const run = (
    kernel: Kernel,
    bind: Record<string, Act['buffer']>,
    params: Record<string, number>,
    dispatch: [number, number?, number?],
    cost: number,
    flops: number,
  ): Promise<void> =>
    rec.run({
      kernel,
      bind,
      params,
      grid: dispatch,
      cost,
      flops,
      ...(kernel === attentionKernels.scores || kernel === attentionKernels.values
        ? { constants: shape }
        : {}),
    });
  // Software adapters want small workgroups (subgroups that are wholly masked end at once), hardware full ones.
  const shape = software ? { WIDTH: 4, HEIGHT: 1 } : { WIDTH: 8, HEIGHT: 8 };
  const width = scalar ? 8 : shape.WIDTH * TILE;
  const height = scalar ? 8 : shape.HEIGHT * TILE;

  for (let pairBegin = 0; pairBegin < pairsTotal; pairBegin += pairStep) {
    const pairs = Math.min(pairStep, pairsTotal - pairBegin);
    for (let queryBegin = 0; queryBegin < queries; queryBegin += queryStep) {
      const queryEnd = Math.min(queries, queryBegin + queryStep);
      const rows = pairs * (queryEnd - queryBegin);
      const visible = Math.min(keys, positionBegin + queryEnd);
      const seen = (rows * (2 * positionBegin + queryBegin + queryEnd + 1)) / 2;
      const params = {
        pairBegin, pairs, queryBegin, queryEnd, queries, keys, kvStride, heads,
        kvHeads: options.kvHeads, headDim, positionBegin, keyStride, scale: options.scale,
      }; // prettier-ignore
      const across = Math.ceil((queryEnd - queryBegin) / width);
      const flops = seen * headDim * 2;
      const cost = flops + 4 * seen * 16;
      await run(
        scalar ? attentionKernels.scoresScalar : attentionKernels.scores,
        { q: q.buffer, k: k.buffer, scores: scoreBuffer },
        params, [across, Math.ceil(visible / height), pairs], cost, flops,
      ); // prettier-ignore
      await run(
        lane ? attentionKernels.softmaxLane : attentionKernels.softmaxTree,
        { scores: scoreBuffer, inverse },
        params, foldGrid(lane ? Math.ceil(rows / 4) : rows), seen * 40, seen * 3,
      ); // prettier-ignore
      await run(
        scalar ? attentionKernels.valuesScalar : attentionKernels.values,
        { scores: scoreBuffer, inverse, v: v.buffer, out: out.buffer },
        params, [across, Math.ceil(headDim / height), pairs], cost, flops,
      ); // prettier-ignore
    }
  }
}
