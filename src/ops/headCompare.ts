import { defineKernel, foldGrid } from '../gpu/kernel';
import type { Recorder } from '../gpu/recorder';
import type { LabBuffer } from '../gpu/scope';
import grid from '../../shaders/lib/grid.wgsl?raw';
import shared from '../../shaders/lib/headCompare.wgsl?raw';
import lane from '../../shaders/headCompareLane.wgsl?raw';
import tree from '../../shaders/headCompareTree.wgsl?raw';
import { checkAct, checkBytes, checkWeight, require } from './check';
import { bySpeed } from './choose';
import { foldLosses, headPieces, pieceLogits, type HeadLossVariant } from './headLoss';
import type { MatmulVariant } from './matmulVariants';
import type { LogitOptions } from './softcap';
import { splitRange } from './split';
import type { Act, Weight } from './types';
import type { Workspace } from './workspace';

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

/** Where logits of the dense stream outlive a comparison. */
export interface LogitStore {
  /** They are there: the dense stream need not be. */
  readonly known: boolean;
  /** Room for the piece at this row of targets and this entry of the vocabulary; undefined where there is none. */
  piece(row: number, column: number): LabBuffer | undefined;
}

export interface HeadCompareOptions extends LogitOptions {
  variant?: HeadCompareVariant;
  headLoss?: HeadLossVariant;
  matmul?: MatmulVariant;
  /** Bound of the logits of each stream held at once; tests lower it. */
  scratchBytes?: number;
  /** Row of targets, losses and figures that belongs to the first row of the streams; default 0. */
  begin?: number;
  store?: LogitStore;
}

/** What a comparison reads and writes; all rows count from `begin`. */
export interface CompareBuffers {
  /** u32 [rows]. */
  targets: LabBuffer;
  /** f32 [rows]: losses of the pruned stream, the same bits that headLoss alone gives. */
  losses: LabBuffer;
  /** f32 [rows, 4]. */
  figures: LabBuffer;
}

/**
 * Two streams through one head. xDense, xPruned [rows, k] are normed last streams, w [vocab, k]; xDense null where the
 * store holds its logits. figures: KL(softmax(dense) ‖ softmax(pruned)), whether both have the same largest logit (the
 * lowest id among equals), -log softmax[target] of the pruned and of the dense stream. Logits are softcap * tanh(scale
 * * raw / softcap) and exist only in pieces of at most `scratchBytes`, but for those that the store keeps. KL is a mean
 * of terms that are not negative, so that it keeps its digits however near the streams are; equal streams give 0
 * exactly. A row with a logit that is not finite gets NaN for KL and for the loss of that stream, and does not agree;
 * one whose target is UNSCORED gets four zeros.
 */
export async function headCompare(
  rec: Recorder,
  xDense: Act | null,
  xPruned: Act,
  w: Weight,
  { targets, losses, figures }: CompareBuffers,
  workspace: Workspace,
  options: HeadCompareOptions = {},
): Promise<void> {
  const { rows } = xPruned;
  const { begin = 0, store } = options;
  checkWeight('headCompare', w);
  if (xDense) checkAct('headCompare', 'xDense', xDense, { rows, cols: w.cols });
  else require(store?.known === true, 'headCompare', 'no dense stream, and its logits are not kept');
  checkAct('headCompare', 'xPruned', xPruned, { cols: w.cols });
  checkBytes('headCompare', 'targets', targets, (begin + rows) * 4);
  checkBytes('headCompare', 'losses', losses, (begin + rows) * 4);
  checkBytes('headCompare', 'figures', figures, (begin + rows) * COMPARE_FIGURES * 4);
  if (rows === 0) return;
  const variant = options.variant ?? bySpeed(rec.ctx, 'headCompare', 'lane', 'tree');
  for (const piece of headPieces(rec, rows, w, workspace, options)) {
    const { logits, rowBegin, colBegin, isFirst, isLast } = piece;
    const { cols } = logits;
    await pieceLogits(rec, piece, xPruned, w, options);
    await foldLosses(rec, piece, targets, losses, { variant: options.headLoss, begin });
    const kept = store?.piece(begin + rowBegin, colBegin);
    const dense = kept ?? workspace.buffer(rec, 'tileDense', logits.buffer.bytes);
    if (xDense)
      await pieceLogits(rec, { ...piece, logits: { ...logits, buffer: dense } }, xDense, w, options);
    else require(kept !== undefined, 'headCompare', 'a piece of the kept logits is gone');
    const state = workspace.buffer(rec, 'compareState', Math.min(rows, logits.rows) * ROW_BYTES);
    for (const { begin: first, end } of splitRange(logits.rows, 4, cols * COST, rec.maxCost)) {
      await rec.run({
        kernel: headCompareKernels[variant],
        bind: { dense, pruned: logits.buffer, targets, state, out: figures },
        params: {
          first,
          end,
          cols,
          colBegin,
          rowBegin: begin + rowBegin,
          isFirst: isFirst ? 1 : 0,
          isLast: isLast ? 1 : 0,
          invalid: NaN,
        },
        grid: foldGrid(variant === 'lane' ? Math.ceil((end - first) / 4) : end - first),
        cost: (end - first) * cols * COST,
        flops: (end - first) * cols * 16,
        bytes: (end - first) * (8 * cols + 2 * ROW_BYTES),
      });
    }
  }
}
