import { defineKernel, foldGrid, type Kernel } from '../gpu/kernel';
import type { GpuContext } from '../gpu/context';
import type { Recorder } from '../gpu/recorder';
import type { LabBuffer } from '../gpu/scope';
import shared from '../../shaders/lib/attention.wgsl?raw';
import grid from '../../shaders/lib/grid.wgsl?raw';
import softcap from '../../shaders/lib/softcap.wgsl?raw';
import scores from '../../shaders/attentionScores.wgsl?raw';
import scoresSg4 from '../../shaders/attentionScoresSg4.wgsl?raw';
import scoresScalar from '../../shaders/attentionScoresScalar.wgsl?raw';
import values from '../../shaders/attentionValues.wgsl?raw';
import valuesSg4 from '../../shaders/attentionValuesSg4.wgsl?raw';
import valuesScalar from '../../shaders/attentionValuesScalar.wgsl?raw';
import softmaxLane from '../../shaders/softmaxLane.wgsl?raw';
import softmaxTree from '../../shaders/softmaxTree.wgsl?raw';
import { checkAct, require } from './check';
import { bySpeed, firstUsable } from './choose';
import type { Act } from './types';
import { SCRATCH_BYTES, type Workspace } from './workspace';

export const attentionKernels = {
  scores: defineKernel('attention.scores', shared, scores),
  scoresSg4: defineKernel('attention.scoresSg4', shared, scoresSg4),
  scoresScalar: defineKernel('attention.scoresScalar', shared, scoresScalar),
  softmaxLane: defineKernel('attention.softmaxLane', grid, softcap, shared, softmaxLane),
  softmaxTree: defineKernel('attention.softmaxTree', grid, softcap, shared, softmaxTree),
  values: defineKernel('attention.values', shared, values),
  valuesSg4: defineKernel('attention.valuesSg4', shared, valuesSg4),
  valuesScalar: defineKernel('attention.valuesScalar', shared, valuesScalar),
};

/** How scores and weighted sums are computed; the choice of the softmax is independent of it. */
export const ATTENTION_TILES = ['sg4', 'tile', 'scalar'] as const;
export type AttentionTiles = (typeof ATTENTION_TILES)[number];
/** `flash` is one kernel that keeps no scores; attention alone has it, its gradients need the weights. */
export const ATTENTION_VARIANTS = ['flash', ...ATTENTION_TILES] as const;
export type AttentionVariant = (typeof ATTENTION_VARIANTS)[number];
const FLASH_HEAD_DIM = 256;
/** Queries of a workgroup of `flash`. */
const FLASH_QUERIES = 32;

export interface Tiles {
  scores: Kernel;
  values: Kernel;
  /** Queries whose scores are read together. */
  tile: number;
  /** Queries, keys and columns of a workgroup. */
  queries: number;
  keys: number;
  columns: number;
  constants?: Record<string, number>;
}

function tilesOf(kind: AttentionTiles, software: boolean): Tiles {
  const { scores, values, scoresSg4, valuesSg4, scoresScalar, valuesScalar } = attentionKernels;
  if (kind === 'sg4')
    return { scores: scoresSg4, values: valuesSg4, tile: 32, queries: 32, keys: 16, columns: 16 };
  if (kind === 'scalar')
    return { scores: scoresScalar, values: valuesScalar, tile: 1, queries: 8, keys: 8, columns: 8 };
  // Software adapters want small workgroups (subgroups that are wholly masked end at once), hardware full ones.
  const [WIDTH, HEIGHT] = software ? [4, 1] : [8, 8];
  return {
    scores,
    values,
    tile: 8,
    queries: 8 * WIDTH,
    keys: 8 * HEIGHT,
    columns: 8 * HEIGHT,
    constants: { WIDTH, HEIGHT },
  };
}

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
  /** Sliding window: the query at position p sees key j only if p - j < window. 0 or left out: none. */
  window?: number;
  /** A scaled score s becomes softcap * tanh(s / softcap). 0 or left out: none. */
  softcap?: number;
  /** Factor of the scores, usually headDim ** -0.5. */
  scale: number;
  /** Rows between the first keys of two sequences (the cache's capacity); default `keys`. */
  kvStride?: number;
  softmax?: 'lane' | 'tree';
  tiles?: AttentionVariant;
  /** Bound of the scores held at once; tests lower it. */
  scratchBytes?: number;
}

/** `scalar` works everywhere; the others need headDim % 4 == 0, `sg4` also subgroups of exactly 4 lanes. */
export function attentionSupported(ctx: GpuContext, tiles: AttentionVariant, headDim: number): boolean {
  if (tiles === 'scalar') return true;
  if (tiles === 'sg4' && (ctx.subgroupMin !== 4 || ctx.subgroupMax !== 4)) return false;
  return headDim % 4 === 0 && (tiles !== 'flash' || headDim <= FLASH_HEAD_DIM);
}

/** The class of an attention in the table of measured choices. */
export function attentionClass(headDim: number, queries: number): string {
  return `attention ${queries < 16 ? 'few' : queries <= 256 ? '256' : 'many'} x ${Math.ceil(headDim / 32) * 32}`;
}

/** The measured choice, else `flash` on hardware: by judgement, and not for decoding, since it takes 32 queries at once. */
export function chooseAttention(ctx: GpuContext, headDim: number, queries: number): AttentionVariant {
  const name = ctx.tuned.get(attentionClass(headDim, queries));
  const first =
    ATTENTION_VARIANTS.find((v) => v === name) ?? (ctx.record.software || queries < 16 ? undefined : 'flash');
  const usable =
    first !== undefined && attentionSupported(ctx, first, headDim) && !ctx.disabled.has(`attention.${first}`);
  return usable ? first : chooseTiles(ctx, headDim, queries);
}

export function chooseTiles(ctx: GpuContext, headDim: number, queries: number): AttentionTiles {
  // Subgroup tiles take 32 queries at once: too many for decoding.
  const order: AttentionTiles[] =
    ctx.record.software && queries >= 16 ? ['sg4', 'tile', 'scalar'] : ['tile', 'scalar'];
  return firstUsable(
    ctx,
    'attention',
    order.filter((tiles) => attentionSupported(ctx, tiles, headDim)),
  );
}

const MAX_PAIRS = 65535;
/** A window that no sequence fills. */
const NO_WINDOW = 0xffffffff;

export interface AttentionShapes extends Required<
  Pick<AttentionOptions, 'kvStride' | 'scratchBytes' | 'window' | 'softcap'>
> {
  keyStride: number;
}

/** Pairs of a query and a key that it sees, for queries at the positions [begin, end). */
function seenPairs(begin: number, end: number, window: number): number {
  // The query at position p sees min(p + 1, window) keys.
  const bend = Math.min(end, Math.max(begin, window));
  return ((bend - begin) * (begin + bend + 1)) / 2 + (end - bend) * window;
}

export function checkAttention(q: Act, k: Act, v: Act, out: Act, o: AttentionOptions): AttentionShapes {
  const kvStride = o.kvStride ?? o.keys;
  const window = o.window || NO_WINDOW;
  const softcap = o.softcap ?? 0;
  const op = 'attention';
  require(Number.isSafeInteger(window) &&
    window > 0 &&
    window <= NO_WINDOW, op, `a window of ${window} keys`);
  require(Number.isFinite(softcap) && softcap >= 0, op, `a soft cap of ${softcap}`);
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
  const keyStride = Math.ceil(o.keys / 4) * 4;
  return { kvStride, keyStride, window, softcap, scratchBytes: o.scratchBytes ?? SCRATCH_BYTES };
}

/** A run of (sequence, head) pairs and of their queries whose scores are held at once. */
export interface AttentionChunk {
  params: Record<string, number>;
  pairs: number;
  /** Rows of scores, and pairs of a query and a key that it sees. */
  rows: number;
  seen: number;
  /** Workgroups over the queries and over the keys of the score kernel. */
  across: number;
  along: number;
  /** Keys from keyBegin on that a query sees. */
  keys: number;
}

/** Cuts an attention into chunks of at most `scratchBytes` of scores each: the largest one's rows, and all in order. */
export function attentionChunks(
  rec: Recorder,
  tiles: Pick<Tiles, 'tile' | 'queries' | 'keys'>,
  o: AttentionOptions,
  { kvStride, keyStride, scratchBytes, window, softcap }: AttentionShapes,
): { rows: number; chunks: AttentionChunk[] } {
  const { queries, keys, heads, kvHeads, headDim, positionBegin, scale } = o;
  const pairsTotal = o.batch * heads;
  const rowCost = Math.min(keys, window) * (2 * headDim + 64);
  const maxRows = Math.max(
    tiles.queries,
    Math.floor(Math.min(scratchBytes / (keyStride * 4), rec.maxCost / rowCost)),
  );
  const pairStep = Math.min(pairsTotal, MAX_PAIRS, Math.max(1, Math.floor(maxRows / queries)));
  const queryStep =
    pairStep > 1 || maxRows >= queries ? queries : Math.floor(maxRows / tiles.queries) * tiles.queries;
  const chunks: AttentionChunk[] = [];
  for (let pairBegin = 0; pairBegin < pairsTotal; pairBegin += pairStep) {
    const pairs = Math.min(pairStep, pairsTotal - pairBegin);
    for (let queryBegin = 0; queryBegin < queries; queryBegin += queryStep) {
      const queryEnd = Math.min(queries, queryBegin + queryStep);
      const keyBegin = Math.max(0, positionBegin + queryBegin + 1 - window) & ~15;
      const visible = positionBegin + queryEnd - keyBegin;
      chunks.push({
        params: {
          pairBegin, pairs, queryBegin, queryEnd, queries, keys, kvStride, heads, kvHeads, headDim,
          positionBegin, window, keyBegin, keyStride, scale, softcap, tile: tiles.tile,
        }, // prettier-ignore
        pairs,
        rows: pairs * (queryEnd - queryBegin),
        seen: pairs * seenPairs(positionBegin + queryBegin, positionBegin + queryEnd, window),
        across: Math.ceil((queryEnd - queryBegin) / tiles.queries),
        along: Math.ceil(visible / tiles.keys),
        keys: visible,
      });
    }
  }
  return { rows: pairStep * queryStep, chunks };
}

/** What the scores of a chunk, or its weighted sums, must read and write: the scores, the queries' rows, the keys'. */
export function chunkBytes(
  { seen, rows, pairs, keys }: AttentionChunk,
  { heads, kvHeads, headDim }: Pick<AttentionOptions, 'heads' | 'kvHeads' | 'headDim'>,
): number {
  return 4 * (seen + headDim * (rows + (pairs * keys * kvHeads) / heads));
}

/** The tiles asked for or chosen, checked against the adapter; chosen as well where `flash` was asked for. */
export function usableTiles(ctx: GpuContext, { tiles, headDim, queries }: AttentionOptions): Tiles {
  const kind = tiles === undefined || tiles === 'flash' ? chooseTiles(ctx, headDim, queries) : tiles;
  require(attentionSupported(
    ctx,
    kind,
    headDim,
  ), 'attention', `the tiles ${kind} cannot run here with headDim ${headDim}`);
  return tilesOf(kind, ctx.record.software);
}

/** Softmax over the scores of a chunk, unnormalised, in place; 1 / sum of each row beside it. */
export async function chunkSoftmax(
  rec: Recorder,
  scores: LabBuffer,
  inverse: LabBuffer,
  { params, rows, seen }: AttentionChunk,
  variant: AttentionOptions['softmax'],
): Promise<void> {
  const lane = (variant ?? bySpeed(rec.ctx, 'attention', 'lane', 'tree')) === 'lane';
  await rec.run({
    kernel: lane ? attentionKernels.softmaxLane : attentionKernels.softmaxTree,
    bind: { scores, inverse },
    params,
    grid: foldGrid(lane ? Math.ceil(rows / 4) : rows),
    cost: seen * (params['softcap'] ? 80 : 40),
    flops: seen * 3,
    bytes: 8 * seen + 4 * rows,
  });
}

/** One dispatch for each run of queries that the cost allows. */
async function flash(
  rec: Recorder,
  q: Act,
  k: Act,
  v: Act,
  out: Act,
  options: AttentionOptions,
  shapes: AttentionShapes,
): Promise<void> {
  const { headDim } = options;
  require(attentionSupported(
    rec.ctx,
    'flash',
    headDim,
  ), 'attention', `the tiles flash cannot run here with headDim ${headDim}`);
  const { flashKernel } = await import('./attentionFlash');
  const units = { tile: 1, queries: FLASH_QUERIES, keys: FLASH_QUERIES };
  const { chunks } = attentionChunks(rec, units, options, { ...shapes, scratchBytes: Infinity });
  for (const { params, pairs, rows, keys, seen, across } of chunks) {
    const flops = seen * headDim * 4;
    await rec.run({
      kernel: flashKernel,
      bind: { q: q.buffer, k: k.buffer, v: v.buffer, out: out.buffer },
      params,
      grid: [across, 1, pairs],
      cost: flops + seen * 64,
      flops,
      bytes: 8 * headDim * (rows + (pairs * keys * options.kvHeads) / options.heads),
      constants: { COLUMNS: headDim <= 64 ? 2 : headDim <= 128 ? 4 : 8 },
    });
  }
}

/**
 * Causal grouped-query attention. q, out [batch * queries, heads * headDim]; k, v [batch * kvStride, kvHeads * headDim].
 * Scores exist only in chunks of at most `scratchBytes`: [pairs of (sequence, head), queries, keys]. Tiles of scores
 * that no query sees (later keys, keys before the window) are neither computed nor read. `flash` keeps no scores at all.
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
  const { batch, queries, heads, headDim } = options;
  const shapes = checkAttention(q, k, v, out, options);
  if (batch * heads * queries * headDim === 0) return;
  const kind = options.tiles ?? chooseAttention(rec.ctx, headDim, queries);
  if (kind === 'flash') return flash(rec, q, k, v, out, options, shapes);
  const tiles = usableTiles(rec.ctx, { ...options, tiles: kind });
  const { rows, chunks } = attentionChunks(rec, tiles, options, shapes);
  const scores = workspace.buffer(rec, 'tile', rows * shapes.keyStride * 4);
  const inverse = workspace.buffer(rec, 'rowSums', rows * 4);
  for (const chunk of chunks) {
    const { params, pairs, seen, across } = chunk;
    const flops = seen * headDim * 2;
    const bytes = chunkBytes(chunk, options);
    const shared = { params, cost: flops + 4 * seen * 16, flops, bytes, constants: tiles.constants };
    await rec.run({
      kernel: tiles.scores,
      bind: { q: q.buffer, k: k.buffer, scores },
      grid: [across, chunk.along, pairs],
      ...shared,
    });
    await chunkSoftmax(rec, scores, inverse, chunk, options.softmax);
    await rec.run({
      kernel: tiles.values,
      bind: { scores, inverse, v: v.buffer, out: out.buffer },
      grid: [across, Math.ceil(headDim / tiles.columns), pairs],
      ...shared,
    });
  }
}
