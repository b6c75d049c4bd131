import { defineKernel, foldGrid } from '../gpu/kernel';
import type { Recorder } from '../gpu/recorder';
import type { LabBuffer } from '../gpu/scope';
import grid from '../../shaders/lib/grid.wgsl?raw';
import shared from '../../shaders/lib/headCompare.wgsl?raw';
import lane from '../../shaders/headCompareLane.wgsl?raw';
import tree from '../../shaders/headCompareTree.wgsl?raw';
import { checkAct, checkBytes, checkWeight } from './check';
import { bySpeed } from './choose';
import { matmul, type MatmulVariant } from './matmul';
import { softcap, type LogitOptions } from './softcap';
import { splitRange } from './split';
import type { Act, Weight } from './types';
import { SCRATCH_BYTES, type Workspace } from './workspace';

export type HeadCompareVariant = 'lane' | 'tree';

export const headCompareKernels = {
  lane: defineKernel('headCompare.lane', grid, shared, lane),
  tree: defineKernel('headCompare.tree', grid, shared, tree),
};

/** Figures of a row, in this order: KL(dense ‖ pruned) in nats, 1 where the argmax agrees, loss of pruned, of dense. */
export const COMPARE_FIGURES = 4;

/** Bytes of what the kernels keep of a row between pieces: struct Row. */
const ROW_BYTES = 48;
/** Flop-equivalents of a column of both streams. */
const COST = 100;

export interface HeadCompareOptions extends LogitOptions {
  variant?: HeadCompareVariant;
  matmul?: MatmulVariant;
  /** Bound of the logits held at once, both streams together; tests lower it. */
  scratchBytes?: number;
}

/**
 * Two streams through one head. xDense, xPruned [rows, k] are normed last streams, w [vocab, k], targets u32 [rows]; out
 * f32 [rows, 4]: KL(softmax(dense) ‖ softmax(pruned)), whether both have the same largest logit (the lowest id among
 * equals), -log softmax[target] of the pruned and of the dense stream. Logits are softcap * tanh(scale * raw / softcap)
 * and exist only in pieces of at most `scratchBytes`. KL is a mean of terms that are not negative, so that it keeps its
 * digits however near the streams are; equal streams give 0 exactly. A row with a logit that is not finite gets NaN for
 * KL and for the loss of that stream, and does not agree; one whose target is UNSCORED gets four zeros.
 */
export async function headCompare(
  rec: Recorder,
  xDense: Act,
  xPruned: Act,
  w: Weight,
  targets: LabBuffer,
  out: LabBuffer,
  workspace: Workspace,
  options: HeadCompareOptions = {},
): Promise<void> {
  const { rows } = xDense;
  checkWeight('headCompare', w);
  checkAct('headCompare', 'xDense', xDense, { cols: w.cols });
  checkAct('headCompare', 'xPruned', xPruned, { rows, cols: w.cols });
  checkBytes('headCompare', 'targets', targets, rows * 4);
  checkBytes('headCompare', 'out', out, rows * COMPARE_FIGURES * 4);
  if (rows === 0) return;
  const variant = options.variant ?? bySpeed(rec.ctx, 'headCompare', 'lane', 'tree');
  const elements = Math.floor((options.scratchBytes ?? SCRATCH_BYTES) / 8);
  const rowStep = Math.min(rows, 1024, Math.max(1, Math.floor(elements / 64)));
  // Pieces begin at whole matmul tiles.
  const colStep = Math.min(w.rows, Math.max(64, Math.floor(elements / rowStep / 64) * 64));
  const dense = workspace.buffer(rec, 'tile', rowStep * colStep * 4);
  const pruned = workspace.buffer(rec, 'tilePruned', rowStep * colStep * 4);
  const state = workspace.buffer(rec, 'compareState', rowStep * ROW_BYTES);
  for (let rowBegin = 0; rowBegin < rows; rowBegin += rowStep) {
    const count = Math.min(rowStep, rows - rowBegin);
    for (let colBegin = 0; colBegin < w.rows; colBegin += colStep) {
      const cols = Math.min(colStep, w.rows - colBegin);
      const part = {
        rowBegin,
        rows: count,
        weightBegin: colBegin,
        weightRows: cols,
        variant: options.matmul,
      };
      for (const [x, buffer] of [[xDense, dense], [xPruned, pruned]] as const) {
        const piece = { buffer, rows: count, cols };
        await matmul(rec, x, w, piece, part);
        await softcap(rec, piece, options);
      } // prettier-ignore
      for (const { begin, end } of splitRange(count, 4, cols * COST, rec.maxCost)) {
        await rec.run({
          kernel: headCompareKernels[variant],
          bind: { dense, pruned, targets, state, out },
          params: {
            first: begin,
            end,
            cols,
            colBegin,
            rowBegin,
            isFirst: colBegin === 0 ? 1 : 0,
            isLast: colBegin + cols === w.rows ? 1 : 0,
            invalid: NaN,
          },
          grid: foldGrid(variant === 'lane' ? Math.ceil((end - begin) / 4) : end - begin),
          cost: (end - begin) * cols * COST,
          flops: (end - begin) * cols * 16,
          bytes: (end - begin) * (8 * cols + 2 * ROW_BYTES),
        });
      }
    }
  }
}
