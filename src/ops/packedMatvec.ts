/** Products with packed weights: one row of x straight from the packed values, more rows by writing the weight out. */
import { DTYPE_BYTES, type FloatDtype } from '../core/dtypes';
import type { GpuContext } from '../gpu/context';
import { defineKernel, foldGrid, type Kernel } from '../gpu/kernel';
import type { Recorder } from '../gpu/recorder';
import grid from '../../shaders/lib/grid.wgsl?raw';
import put from '../../shaders/lib/matvecPut.wgsl?raw';
import packed from '../../shaders/lib/packed.wgsl?raw';
import treeSum from '../../shaders/lib/treeSum.wgsl?raw';
import columnsLane from '../../shaders/packedColumnsLane.wgsl?raw';
import columnsTree from '../../shaders/packedColumnsTree.wgsl?raw';
import maskLane from '../../shaders/packedMaskLane.wgsl?raw';
import maskTree from '../../shaders/packedMaskTree.wgsl?raw';
import pairsLane from '../../shaders/packedPairsLane.wgsl?raw';
import unpackColumns from '../../shaders/unpackColumns.wgsl?raw';
import unpackMask from '../../shaders/unpackMask.wgsl?raw';
import { checkAct, checkVec, checkWeight, require } from './check';
import { firstUsable } from './choose';
import type { PackedFormat, PackedWeight } from './packed';
import { gridFor } from './pruneKernels';
import { equalParts, splitRange } from './split';
import type { Act, Vec, Weight } from './types';
import { perDtype } from './weightLibs';

export type PackedVariant = 'lane' | 'pairs' | 'tree';

const MAX_GRID = 65535;

const mask = {
  lane: perDtype('packedMatvec.maskLane', packed, put, maskLane),
  pairs: perDtype('packedMatvec.pairsLane', packed, put, pairsLane),
  tree: perDtype('packedMatvec.maskTree', grid, packed, put, treeSum, maskTree),
};
const columns = {
  lane: perDtype('packedMatvec.columnsLane', packed, put, columnsLane),
  tree: perDtype('packedMatvec.columnsTree', grid, packed, put, treeSum, columnsTree),
};

/** Its kernels and outputs of one workgroup. bitmask and km share kernels: only where a row's values begin differs. */
function kernelsOf(format: PackedFormat, variant: PackedVariant): [Record<FloatDtype, Kernel>, number] {
  const lanes = variant === 'tree' ? 1 : 16;
  if (format !== 'csr') return [mask[variant], lanes];
  return [columns[variant === 'tree' ? 'tree' : 'lane'], lanes];
}

const unpackMaskKernel = defineKernel('unpack.mask', grid, unpackMask);
const unpackColumnsKernel = defineKernel('unpack.columns', grid, unpackColumns);

export const packedKernels: readonly Kernel[] = [
  ...[...Object.values(mask), ...Object.values(columns)].flatMap((byDtype) => Object.values(byDtype)),
  unpackMaskKernel,
  unpackColumnsKernel,
];

/** Kernels that can multiply with such a weight: `pairs` is for 2:4. */
export function packedVariants({ format, groups }: Pick<PackedWeight, 'format' | 'groups'>): PackedVariant[] {
  return format === 'km' && groups?.keep === 2 && groups.group === 4
    ? ['pairs', 'lane', 'tree']
    : ['lane', 'tree'];
}

/** `lane` and `pairs` for software adapters, `tree` for hardware. */
export function choosePacked(ctx: GpuContext, of: Pick<PackedWeight, 'format' | 'groups'>): PackedVariant {
  const variants = packedVariants(of);
  const order = ctx.record.software ? variants : variants.reverse();
  return firstUsable(
    ctx,
    'packedMatvec',
    order.map((variant) => `${of.format}.${variant}` as const),
  ).split('.')[1] as PackedVariant;
}

export interface PackedOptions {
  bias?: Vec;
  /** Added to the result; may be `out` itself. */
  residual?: Act;
  variant?: PackedVariant;
  /** Workgroups in one row of the grid; tests lower it. */
  gridWidth?: number;
}

/** Values of a row and of a mask word where groups fix them. */
function fixedCounts({ groups, cols }: PackedWeight): { perRow: number; perWord: number } {
  if (!groups) return { perRow: 0, perWord: 0 };
  const { keep, group } = groups;
  return { perRow: (cols / group) * keep, perWord: (32 / group) * keep };
}

/**
 * out = x Wᵀ (+ bias) (+ residual) for decoding: x [1, k], W [n, k] packed, out [1, n], sums in f32. Terms are added in
 * the order of `matvec`'s kernel for the same adapters, so that bitmask and km give its bits; csr differs by rounding.
 */
export async function packedMatvec(
  rec: Recorder,
  x: Act,
  w: PackedWeight,
  out: Act,
  options: PackedOptions = {},
): Promise<void> {
  const { bias, residual } = options;
  checkAct('packedMatvec', 'x', x, { rows: 1, cols: w.cols });
  checkAct('packedMatvec', 'out', out, { rows: 1, cols: w.rows });
  require(x.buffer !== out.buffer, 'packedMatvec', 'x and out share a buffer');
  if (bias) checkVec('packedMatvec', 'bias', bias, w.rows);
  if (residual) {
    checkAct('packedMatvec', 'residual', residual, { rows: 1, cols: out.cols });
    if (residual.buffer !== out.buffer) rec.copy(residual.buffer, 0, out.buffer, 0, out.cols * 4);
  }
  const id = options.variant ?? choosePacked(rec.ctx, w);
  const [kernels, outputs] = kernelsOf(w.format, id);
  const rowCost = costPerRow(w);
  for (const shard of w.shards) {
    const most = id === 'tree' ? rec.maxCost : Math.min(rec.maxCost, MAX_GRID * outputs * rowCost);
    for (const { begin, end } of splitRange(shard.rows, outputs, rowCost, most)) {
      const groups = Math.ceil((end - begin) / outputs);
      await rec.run({
        kernel: kernels[w.dtype],
        bind: {
          x: x.buffer,
          values: shard.values,
          index: shard.index,
          offsets: shard.offsets,
          bias: bias?.buffer ?? x.buffer,
          out: out.buffer,
        },
        params: {
          rowBegin: begin,
          rowEnd: end,
          columnShift: shard.rowBegin,
          outStride: out.cols,
          k: w.cols,
          wordsPerRow: Math.ceil(w.cols / 32),
          ...fixedCounts(w),
          hasBias: bias ? 1 : 0,
          accumulate: residual ? 1 : 0,
        },
        grid: id === 'tree' ? foldGrid(groups, options.gridWidth) : [groups],
        cost: (end - begin) * rowCost,
        flops: 2 * (end - begin) * keptPerRow(w),
        bytes: (end - begin) * (w.bytes / w.rows + (residual ? 8 : 4) + (4 * w.cols) / w.rows),
      });
    }
  }
}

/** Writes `w` into `out` [rows, cols] of its dtype, with +0 where nothing is kept: what `applyMask` would give. */
export async function unpack(rec: Recorder, w: PackedWeight, out: Weight): Promise<void> {
  checkWeight('unpack', out);
  require(out.rows === w.rows &&
    out.cols === w.cols &&
    out.dtype === w.dtype, 'unpack', `${out.name} is not like ${w.name}`);
  const constants = { HALVES: DTYPE_BYTES[w.dtype] === 2 ? 1 : 0 };
  const wordsPerRow = Math.ceil(w.cols / 32);
  for (const [i, shard] of w.shards.entries()) {
    const target = out.shards[i];
    require(target?.rows === shard.rows, 'unpack', `shard ${i} of ${out.name} does not fit`);
    if (!target) continue;
    const bind = {
      values: shard.values,
      index: shard.index,
      offsets: shard.offsets,
      out: target.buffer,
    };
    if (w.format === 'csr') {
      rec.clear(target.buffer);
      const rowCost = costPerRow(w);
      for (const { begin, end } of splitRange(shard.rows, 1, rowCost, rec.maxCost))
        await rec.run({
          kernel: unpackColumnsKernel,
          bind,
          params: { k: w.cols, rowBegin: begin, rowEnd: end },
          grid: foldGrid(end - begin),
          cost: (end - begin) * rowCost,
          bytes: (end - begin) * (w.bytes / w.rows + w.cols * DTYPE_BYTES[w.dtype]),
          constants,
        });
      continue;
    }
    const words = shard.rows * wordsPerRow;
    const wordCost = 32 * 4 * DTYPE_BYTES[w.dtype] + 4 * wordsPerRow;
    const step = equalParts(words, 1, rec.maxCost / wordCost);
    for (let begin = 0; begin < words; begin += step) {
      const end = Math.min(begin + step, words);
      await rec.run({
        kernel: unpackMaskKernel,
        bind,
        params: { k: w.cols, wordsPerRow, ...fixedCounts(w), begin, end },
        grid: gridFor(end - begin, 64),
        cost: (end - begin) * wordCost,
        bytes: ((end - begin) / wordsPerRow) * (w.bytes / w.rows + w.cols * DTYPE_BYTES[w.dtype]),
        constants,
      });
    }
  }
}

function keptPerRow(w: PackedWeight): number {
  const index = w.format === 'csr' ? 2 : 0;
  const mask = w.format === 'csr' ? 0 : w.rows * Math.ceil(w.cols / 32) * 4;
  return Math.max(1, (w.bytes - mask) / (DTYPE_BYTES[w.dtype] + index) / w.rows);
}

/** In flop-equivalents, as matvec counts: arithmetic, and four for each byte read. */
function costPerRow(w: PackedWeight): number {
  return 2 * keptPerRow(w) + (4 * w.bytes) / w.rows;
}
