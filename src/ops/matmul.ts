import { DTYPE_BYTES, type FloatDtype } from '../core/dtypes';
import { LabError } from '../core/errors';
import type { GpuContext } from '../gpu/context';
import type { Kernel } from '../gpu/kernel';
import type { Recorder } from '../gpu/recorder';
import shared from '../../shaders/lib/matmul.wgsl?raw';
import dot8x8 from '../../shaders/matmulDot8x8.wgsl?raw';
import scalar from '../../shaders/matmulScalar.wgsl?raw';
import sg4x2 from '../../shaders/matmulSg4x2.wgsl?raw';
import sg4x8 from '../../shaders/matmulSg4x8.wgsl?raw';
import sg8x2 from '../../shaders/matmulSg8x2.wgsl?raw';
import tiled from '../../shaders/matmulTiled.wgsl?raw';
import { checkAct, checkVec, checkWeight, require } from './check';
import { firstUsable } from './choose';
import { splitTiles } from './split';
import type { Act, Vec, Weight } from './types';
import { perDtype } from './weightLibs';

export const MATMUL_VARIANTS = ['scalar', 'dot8x8', 'sg4x2', 'sg4x8', 'sg8x2', 'tiled'] as const;
export type MatmulVariant = (typeof MATMUL_VARIANTS)[number];

interface Variant {
  kernels: Record<FloatDtype, Kernel>;
  /** Output rows and columns of one workgroup. */
  rows: number;
  cols: number;
  /** Lanes that a subgroup must have, and the workgroup's size; absent without subgroups. */
  subgroup?: { lanes: number; workgroup: number };
}

const VARIANTS: Record<MatmulVariant, Variant> = {
  scalar: { kernels: perDtype('matmul.scalar', shared, scalar), rows: 8, cols: 8 },
  dot8x8: { kernels: perDtype('matmul.dot8x8', shared, dot8x8), rows: 32, cols: 8 },
  sg4x2: {
    kernels: perDtype('matmul.sg4x2', shared, sg4x2),
    rows: 16,
    cols: 16,
    subgroup: { lanes: 4, workgroup: 8 },
  },
  sg4x8: {
    kernels: perDtype('matmul.sg4x8', shared, sg4x8),
    rows: 64,
    cols: 16,
    subgroup: { lanes: 4, workgroup: 8 },
  },
  sg8x2: {
    kernels: perDtype('matmul.sg8x2', shared, sg8x2),
    rows: 64,
    cols: 16,
    subgroup: { lanes: 8, workgroup: 32 },
  },
  tiled: { kernels: perDtype('matmul.tiled', shared, tiled), rows: 64, cols: 64 },
};

export const matmulKernels = Object.fromEntries(
  MATMUL_VARIANTS.map((v) => [v, VARIANTS[v].kernels]),
) as Record<MatmulVariant, Record<FloatDtype, Kernel>>;

/** Output rows and columns of one workgroup. */
export function matmulTile(variant: MatmulVariant): { rows: number; cols: number } {
  return VARIANTS[variant];
}

/** Whether `variant` gives right results on this adapter for rows of `k` elements. */
export function matmulSupported(ctx: GpuContext, variant: MatmulVariant, k: number): boolean {
  if (variant !== 'scalar' && k % 4 !== 0) return false;
  const subgroup = VARIANTS[variant].subgroup;
  // Every subgroup must be full and of one size: else a lane that holds a weight row may not exist.
  return (
    !subgroup ||
    (ctx.subgroupMin >= subgroup.lanes &&
      ctx.subgroupMin === ctx.subgroupMax &&
      subgroup.workgroup % ctx.subgroupMax === 0)
  );
}

/** The fastest kernel by measurement on software adapters (docs/decisions.md) and by judgement on hardware. */
export function chooseMatmul(ctx: GpuContext, m: number, k: number): MatmulVariant {
  const subgroups: MatmulVariant[] =
    ctx.subgroupMin >= 8 ? ['sg8x2'] : m <= 32 ? ['sg4x2', 'sg4x8'] : ['sg4x8', 'sg4x2'];
  const order: MatmulVariant[] = ctx.record.software
    ? [...subgroups, 'dot8x8', 'tiled', 'scalar']
    : ['tiled', 'dot8x8', 'scalar'];
  return firstUsable(
    ctx,
    'matmul',
    order.filter((v) => matmulSupported(ctx, v, k)),
  );
}

export interface MatmulOptions {
  bias?: Vec;
  /** Added to the result; may be `out` itself. Same shape as `out`. */
  residual?: Act;
  /** Rows of x to use, [rowBegin, rowBegin + rows); output rows start at outRowBegin. Default: all, at 0. */
  rowBegin?: number;
  rows?: number;
  outRowBegin?: number;
  /** Rows of the weight to use, [weightBegin, weightBegin + weightRows); they become columns 0.. of the output. */
  weightBegin?: number;
  weightRows?: number;
  variant?: MatmulVariant;
}

/**
 * out = x Wᵀ (+ bias) (+ residual). x [m, k], w [n, k], out [m, n] (or the ranges given), sums in f32. `out` must not
 * be x's buffer. Large products become several dispatches, none above rec.maxCost.
 */
export async function matmul(
  rec: Recorder,
  x: Act,
  w: Weight,
  out: Act,
  options: MatmulOptions = {},
): Promise<void> {
  const { bias, residual, rowBegin = 0, outRowBegin = 0, weightBegin = 0 } = options;
  const rows = options.rows ?? x.rows - rowBegin;
  const weightRows = options.weightRows ?? w.rows - weightBegin;
  const k = w.cols;
  checkWeight('matmul', w);
  checkAct('matmul', 'x', x, { cols: k });
  checkAct('matmul', 'out', out, { cols: weightRows });
  require(rowBegin + rows <= x.rows &&
    outRowBegin + rows <=
      out.rows, 'matmul', `rows ${rowBegin}+${rows} of ${x.rows} to ${outRowBegin}+${rows} of ${out.rows}`);
  require(weightBegin + weightRows <=
    w.rows, 'matmul', `${w.name} has ${w.rows} rows, asked for ${weightBegin}+${weightRows}`);
  require(x.buffer !== out.buffer, 'matmul', 'x and out share a buffer');
  if (bias) checkVec('matmul', 'bias', bias, w.rows);
  if (residual) {
    checkAct('matmul', 'residual', residual, { rows: out.rows, cols: out.cols });
    if (residual.buffer !== out.buffer) {
      rec.copy(
        residual.buffer,
        outRowBegin * out.cols * 4,
        out.buffer,
        outRowBegin * out.cols * 4,
        rows * out.cols * 4,
      );
    }
  }
  const id = options.variant ?? chooseMatmul(rec.ctx, rows, k);
  if (!matmulSupported(rec.ctx, id, k))
    throw new LabError('InternalError', `matmul: the kernel ${id} cannot run here with k = ${k}.`);
  const variant = VARIANTS[id];
  const kernel = variant.kernels[w.dtype];
  const bytes = 4 * rows * k + DTYPE_BYTES[w.dtype] * weightRows * k + 4 * rows * weightRows;
  const costPerElement = 2 * k + (4 * bytes) / Math.max(1, rows * weightRows);
  for (const shard of w.shards) {
    const begin = Math.max(weightBegin, shard.rowBegin);
    const end = Math.min(weightBegin + weightRows, shard.rowBegin + shard.rows);
    if (begin >= end) continue;
    const tiles = splitTiles({
      rows,
      cols: end - begin,
      rowUnit: variant.rows,
      colUnit: variant.cols,
      costPerElement,
      maxCost: rec.maxCost,
    });
    for (const tile of tiles) {
      const colBegin = begin - shard.rowBegin + tile.colBegin;
      await rec.run({
        kernel,
        bind: { x: x.buffer, weight: shard.buffer, bias: bias?.buffer ?? x.buffer, out: out.buffer },
        params: {
          rowBegin: rowBegin + tile.rowBegin,
          rowEnd: rowBegin + tile.rowBegin + tile.rows,
          outRowShift: outRowBegin - rowBegin,
          colBegin,
          colEnd: colBegin + tile.cols,
          outColShift: shard.rowBegin - weightBegin,
          biasShift: shard.rowBegin,
          outStride: out.cols,
          k,
          hasBias: bias ? 1 : 0,
          accumulate: residual ? 1 : 0,
        },
        grid: [Math.ceil(tile.cols / variant.cols), Math.ceil(tile.rows / variant.rows)],
        cost: tile.rows * tile.cols * costPerElement,
        flops: 2 * tile.rows * tile.cols * k,
        bytes: tile.rows * tile.cols * (bytes / (rows * weightRows) + (residual ? 4 : 0)),
      });
    }
  }
}
