import { DTYPE_BYTES } from '../core/dtypes';
import { LabError } from '../core/errors';
import type { Recorder } from '../gpu/recorder';
import { checkAct, checkVec, checkWeight, require } from './check';
import {
  chooseMatmul,
  matmulKernel,
  matmulSupported,
  matmulTile,
  type MatmulVariant,
} from './matmulVariants';
import { splitTiles } from './split';
import type { Act, Vec, Weight } from './types';

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
  const id = options.variant ?? chooseMatmul(rec.ctx, { m: rows, n: weightRows, k, dtype: w.dtype });
  if (!matmulSupported(rec.ctx, id, k, w.dtype))
    throw new LabError(
      'InternalError',
      `matmul: the kernel ${id} cannot run here with k = ${k} and ${w.dtype}.`,
    );
  const unit = matmulTile(id);
  const kernel = await matmulKernel(id, w.dtype);
  const bytes = 4 * rows * k + DTYPE_BYTES[w.dtype] * weightRows * k + 4 * rows * weightRows;
  const costPerElement = 2 * k + (4 * bytes) / Math.max(1, rows * weightRows);
  for (const shard of w.shards) {
    const begin = Math.max(weightBegin, shard.rowBegin);
    const end = Math.min(weightBegin + weightRows, shard.rowBegin + shard.rows);
    if (begin >= end) continue;
    const tiles = splitTiles({
      rows,
      cols: end - begin,
      rowUnit: unit.rows,
      colUnit: unit.cols,
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
        grid: [Math.ceil(tile.cols / unit.cols), Math.ceil(tile.rows / unit.rows)],
        cost: tile.rows * tile.cols * costPerElement,
        flops: 2 * tile.rows * tile.cols * k,
        bytes: tile.rows * tile.cols * (bytes / (rows * weightRows) + (residual ? 4 : 0)),
      });
    }
  }
}
