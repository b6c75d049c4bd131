import { defineKernel } from '../gpu/kernel';
import type { Recorder } from '../gpu/recorder';
import type { LabBuffer } from '../gpu/scope';
import transposeCode from '../../shaders/gramTranspose.wgsl?raw';
import { checkAct, checkBytes } from './check';
import { chooseMatmul, matmulKernel, matmulTile, type MatmulVariant } from './matmulVariants';
import { splitRange, splitTiles } from './split';
import { gramScratchBytes, pieceTokens } from './statisticShapes';
import type { Act } from './types';
import type { Workspace } from './workspace';

export const gramTransposeKernel = defineKernel('gram.transpose', transposeCode);

/**
 * Rows of the result in one band; a multiple of every kernel's tile, and 64 rows of f32 always end on a binding's
 * alignment of 256 bytes. A narrow band wastes less below the diagonal, a wide one fills a GPU.
 */
const BAND_ROWS = { software: 64, hardware: 256 };

export interface GramOptions {
  /** Add to what `out` holds; otherwise it is overwritten. */
  accumulate?: boolean;
  /** The kernel of the products; chosen by the adapter when left out. */
  variant?: MatmulVariant;
}

/** Floating-point operations of the triangle with its diagonal. */
export function gramFlops(rows: number, cols: number): number {
  return rows * cols * (cols + 1);
}

/**
 * out (+)= xᵀ x for x [rows, C]; `out` is f32 [C, C]. The tokens become the rows' elements, then the matmul kernels
 * multiply that with itself, on and above the diagonal only: `readGram` mirrors the rest. Every element is summed over
 * the tokens in order, in pieces that depend on the shape alone, so results do not depend on how submits were cut.
 * `out` may be larger than one binding.
 */
export async function gram(
  rec: Recorder,
  x: Act,
  out: LabBuffer,
  options: GramOptions,
  workspace: Workspace,
): Promise<void> {
  const { rows, cols } = x;
  checkAct('gram', 'x', x);
  checkBytes('gram', 'out', out, cols * cols * 4);
  const step = pieceTokens(rows, cols);
  const turned = workspace.buffer(rec, 'gram', gramScratchBytes(rows, cols));
  for (let rowBegin = 0; rowBegin < rows; rowBegin += step) {
    const tokens = Math.min(step, rows - rowBegin);
    await transpose(rec, x, rowBegin, tokens, turned);
    await addProducts(rec, turned, cols, tokens, out, {
      ...options,
      accumulate: options.accumulate === true || rowBegin > 0,
    });
  }
}

async function transpose(
  rec: Recorder,
  x: Act,
  rowBegin: number,
  tokens: number,
  to: LabBuffer,
): Promise<void> {
  const groups = Math.ceil(tokens / 4);
  const groupCost = x.cols * 4 * 16;
  for (const { begin, end } of splitRange(groups, 1, groupCost, rec.maxCost)) {
    await rec.run({
      kernel: gramTransposeKernel,
      bind: { x: x.buffer, out: to },
      params: { rowBegin, tokens, cols: x.cols, groupBegin: begin, groups },
      grid: [Math.ceil(x.cols / 64), end - begin],
      cost: (end - begin) * groupCost,
      bytes: (end - begin) * 32 * x.cols,
    });
  }
}

/** turned [cols, k] times itself, into the bands of `out` from the diagonal on. */
async function addProducts(
  rec: Recorder,
  turned: LabBuffer,
  cols: number,
  tokens: number,
  out: LabBuffer,
  options: GramOptions,
): Promise<void> {
  const k = Math.ceil(tokens / 4) * 4;
  const bandRows = rec.ctx.record.software ? BAND_ROWS.software : BAND_ROWS.hardware;
  const variant =
    options.variant ?? chooseMatmul(rec.ctx, { m: Math.min(bandRows, cols), n: cols, k, dtype: 'F32' });
  const kernel = await matmulKernel(variant, 'F32');
  const unit = matmulTile(variant);
  const costPerElement = 2 * k + 64;
  for (let band = 0; band < cols; band += bandRows) {
    const rows = Math.min(bandRows, cols - band);
    const offset = band * cols * 4;
    const bound = { buffer: out, offset, bytes: rows * cols * 4 };
    const tiles = splitTiles({
      rows,
      cols: cols - band,
      rowUnit: unit.rows,
      colUnit: unit.cols,
      costPerElement,
      maxCost: rec.maxCost,
    });
    for (const tile of tiles) {
      const rowBegin = band + tile.rowBegin;
      const colBegin = band + tile.colBegin;
      // A tile of a wide band may lie below the diagonal altogether.
      if (colBegin + tile.cols <= rowBegin) continue;
      const elements = elementsFromDiagonal(rowBegin, tile.rows, colBegin, tile.cols);
      await rec.run({
        kernel,
        bind: { x: turned, weight: turned, bias: turned, out: bound },
        params: {
          rowBegin,
          rowEnd: rowBegin + tile.rows,
          outRowShift: -band,
          colBegin,
          colEnd: colBegin + tile.cols,
          outColShift: 0,
          biasShift: 0,
          outStride: cols,
          k,
          hasBias: 0,
          accumulate: options.accumulate === true ? 1 : 0,
        },
        grid: [Math.ceil(tile.cols / unit.cols), Math.ceil(tile.rows / unit.rows)],
        cost: tile.rows * tile.cols * costPerElement,
        flops: 2 * tokens * elements,
        bytes: elements * ((options.accumulate === true ? 8 : 4) + (8 * k) / (cols + 1)),
      });
    }
  }
}

/** How many elements of a tile lie on or above the diagonal. */
function elementsFromDiagonal(rowBegin: number, rows: number, colBegin: number, cols: number): number {
  let count = 0;
  for (let r = rowBegin; r < rowBegin + rows; r++)
    count += Math.max(0, colBegin + cols - Math.max(colBegin, r));
  return count;
}

/** What `gram` left in `out`, complete: f32 [C, C], row-major, symmetric to the bit. */
export async function readGram(
  rec: Recorder,
  out: LabBuffer,
  cols: number,
): Promise<Float32Array<ArrayBuffer>> {
  const values = new Float32Array(await rec.read(out, 0, cols * cols * 4));
  mirrorUpper(values, cols);
  return values;
}

/** Square by square, so that neither side walks through memory column by column. */
function mirrorUpper(values: Float32Array, cols: number): void {
  const side = 32;
  for (let top = 0; top < cols; top += side) {
    for (let left = 0; left <= top; left += side) {
      for (let r = top; r < Math.min(top + side, cols); r++)
        for (let c = left; c < Math.min(left + side, r); c++)
          values[r * cols + c] = values[c * cols + r] as number;
    }
  }
}
