import { defineKernel, foldGrid } from '../gpu/kernel';
import type { Recorder } from '../gpu/recorder';
import type { LabBuffer } from '../gpu/scope';
import headGradient from '../../shaders/headGradient.wgsl?raw';
import grid from '../../shaders/lib/grid.wgsl?raw';
import { checkAct, require } from './check';
import {
  checkHead,
  headPieces,
  pieceLogits,
  pieceLosses,
  type HeadLossOptions,
  type HeadPiece,
} from './headLoss';
import { matmul } from './matmul';
import { splitRange } from './split';
import { asWeight, transpose } from './transpose';
import type { Act, Weight } from './types';
import { SCRATCH_BYTES, type Workspace } from './workspace';

export const headGradientKernel = defineKernel('headGradient', grid, headGradient);

/** Flop-equivalents of an element. */
const COST = 60;

export interface HeadLossBackwardOptions extends HeadLossOptions {
  /** dx is the gradient of factor * (sum of the losses). */
  factor: number;
}

/**
 * Losses as headLoss gives them, and dx [rows, k] = the gradient of factor * their sum with respect to x. The logits are
 * made twice, in pieces of at most `scratchBytes`; the softmax needs the whole vocabulary before the first gradient.
 */
export async function headLossBackward(
  rec: Recorder,
  x: Act,
  w: Weight,
  targets: LabBuffer,
  losses: LabBuffer,
  dx: Act,
  workspace: Workspace,
  options: HeadLossBackwardOptions,
): Promise<void> {
  const op = 'headLossBackward';
  checkHead(op, x, w, targets, losses);
  checkAct(op, 'dx', dx, { rows: x.rows, cols: x.cols });
  require(x.buffer !== dx.buffer, op, 'x and dx share a buffer');
  if (x.rows === 0) return;
  // The piece of W is turned round too, and has the same bound.
  const widest = Math.floor((options.scratchBytes ?? SCRATCH_BYTES) / 4 / w.cols);
  let rowPieces: HeadPiece[] = [];
  for (const piece of headPieces(rec, x.rows, w, workspace, options, widest)) {
    await pieceLosses(rec, piece, x, w, targets, losses, options);
    rowPieces.push(piece);
    if (!piece.isLast) continue;
    for (const known of rowPieces) await pieceGradient(rec, known, x, w, targets, dx, workspace, options);
    rowPieces = [];
  }
}

/** dx of the piece's rows (+)= its part of the gradient of the logits, times its rows of W. */
async function pieceGradient(
  rec: Recorder,
  piece: HeadPiece,
  x: Act,
  w: Weight,
  targets: LabBuffer,
  dx: Act,
  workspace: Workspace,
  options: HeadLossBackwardOptions,
): Promise<void> {
  const { logits, state, rowBegin, colBegin, isFirst } = piece;
  await pieceLogits(rec, piece, x, w, options);
  const { rows, cols } = logits;
  for (const { begin, end } of splitRange(rows * cols, 64, COST, rec.maxCost)) {
    await rec.run({
      kernel: headGradientKernel,
      bind: { logits: logits.buffer, targets, state },
      params: {
        begin,
        end,
        cols,
        colBegin,
        rowBegin,
        factor: options.factor * (options.scale ?? 1),
        softcap: options.softcap ?? 0,
      },
      grid: foldGrid(Math.ceil((end - begin) / 64)),
      cost: (end - begin) * COST,
      flops: (end - begin) * 6,
      bytes: (end - begin) * 8,
    });
  }
  const turned: Act = {
    buffer: workspace.buffer(rec, 'weight turned', w.cols * cols * 4),
    rows: w.cols,
    cols,
  };
  await transpose(rec, w, turned, { rowBegin: colBegin, rows: cols });
  await matmul(rec, logits, asWeight(turned), dx, {
    outRowBegin: rowBegin,
    residual: isFirst ? undefined : dx,
  });
}
