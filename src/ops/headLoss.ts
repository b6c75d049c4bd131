import { defineKernel, foldGrid } from '../gpu/kernel';
import type { Recorder } from '../gpu/recorder';
import type { LabBuffer } from '../gpu/scope';
import grid from '../../shaders/lib/grid.wgsl?raw';
import shared from '../../shaders/lib/headLoss.wgsl?raw';
import lane from '../../shaders/headLossLane.wgsl?raw';
import tree from '../../shaders/headLossTree.wgsl?raw';
import { checkAct, checkBytes, checkWeight, require } from './check';
import { bySpeed } from './choose';
import { matmul } from './matmul';
import type { MatmulVariant } from './matmulVariants';
import { matvec } from './matvec';
import { softcap, type LogitOptions } from './softcap';
import { splitRange } from './split';
import type { Act, Weight } from './types';
import { SCRATCH_BYTES, type Workspace } from './workspace';

export type HeadLossVariant = 'lane' | 'tree';

export const headLossKernels = {
  lane: defineKernel('headLoss.lane', grid, shared, lane),
  tree: defineKernel('headLoss.tree', grid, shared, tree),
};

/** Target of a row that is not scored; its loss is 0. */
export const UNSCORED = 0xffffffff;

export interface HeadLossOptions extends LogitOptions {
  variant?: HeadLossVariant;
  matmul?: MatmulVariant;
  /** Bound of the logits held at once; tests lower it. */
  scratchBytes?: number;
  /** Row of targets and losses that belongs to the first row of x; default 0. */
  begin?: number;
}

/**
 * losses[r] = -log softmax(logits)[targets[r]], logits = softcap * tanh(scale * (x[r] Wᵀ) / softcap). x [rows, k] is the normed last stream, w [vocab, k], targets u32
 * [rows], losses f32 [rows], both from row `begin` on. Logits exist only in pieces of at most `scratchBytes`. A row with a logit that is not
 * finite gets NaN; one whose target is UNSCORED gets 0.
 */
export async function headLoss(
  rec: Recorder,
  x: Act,
  w: Weight,
  targets: LabBuffer,
  losses: LabBuffer,
  workspace: Workspace,
  options: HeadLossOptions = {},
): Promise<void> {
  const { rows } = x;
  checkHead('headLoss', x, w, targets, losses, options.begin);
  if (rows === 0) return;
  for (const piece of headPieces(rec, rows, w, workspace, options))
    await pieceLosses(rec, piece, x, w, targets, losses, options);
}

export function checkHead(
  op: string,
  x: Act,
  w: Weight,
  targets: LabBuffer,
  losses: LabBuffer,
  begin = 0,
): void {
  checkWeight(op, w);
  checkAct(op, 'x', x, { cols: w.cols });
  checkBytes(op, 'targets', targets, (begin + x.rows) * 4);
  checkBytes(op, 'losses', losses, (begin + x.rows) * 4);
}

/** A piece of the logits: rows of x and a run of the vocabulary, with what is known of these rows. */
export interface HeadPiece {
  logits: Act;
  /** By row (max, sum of exp(logit - max), logit of the target, 1 if a logit was not finite), of the pieces so far. */
  state: LabBuffer;
  rowBegin: number;
  colBegin: number;
  isFirst: boolean;
  isLast: boolean;
}

/** Rows and entries of the vocabulary in a piece of the logits. */
export function pieceSteps(
  rows: number,
  vocabulary: number,
  scratchBytes = SCRATCH_BYTES,
  widest = Infinity,
): { rowStep: number; colStep: number } {
  const elements = Math.floor(scratchBytes / 4);
  const rowStep = Math.min(rows, 1024, Math.max(1, Math.floor(elements / 64)));
  // Pieces begin at whole matmul tiles.
  const most = Math.min(widest, Math.floor(elements / rowStep));
  return { rowStep, colStep: Math.min(vocabulary, Math.max(64, Math.floor(most / 64) * 64)) };
}

/** The pieces of all logits, a run of rows at a time; they share their memory. `widest` bounds the vocabulary more. */
export function* headPieces(
  rec: Recorder,
  rows: number,
  w: Weight,
  workspace: Workspace,
  { scratchBytes }: Pick<HeadLossOptions, 'scratchBytes'>,
  widest?: number,
): Generator<HeadPiece> {
  const { rowStep, colStep } = pieceSteps(rows, w.rows, scratchBytes, widest);
  const buffer = workspace.buffer(rec, 'tile', rowStep * colStep * 4);
  const state = workspace.buffer(rec, 'headState', rowStep * 16);
  for (let rowBegin = 0; rowBegin < rows; rowBegin += rowStep) {
    const count = Math.min(rowStep, rows - rowBegin);
    for (let colBegin = 0; colBegin < w.rows; colBegin += colStep) {
      const cols = Math.min(colStep, w.rows - colBegin);
      const logits = { buffer, rows: count, cols };
      const isLast = colBegin + cols === w.rows;
      yield { logits, state, rowBegin, colBegin, isFirst: colBegin === 0, isLast };
    }
  }
}

/** Computes the logits of a piece. */
export async function pieceLogits(
  rec: Recorder,
  { logits, rowBegin, colBegin }: HeadPiece,
  x: Act,
  w: Weight,
  options: HeadLossOptions,
): Promise<void> {
  await matmul(rec, x, w, logits, {
    rowBegin,
    rows: logits.rows,
    weightBegin: colBegin,
    weightRows: logits.cols,
    variant: options.matmul,
  });
  await softcap(rec, logits, options);
}

/** Computes the logits of a piece and folds them into the state of its rows; the last piece writes their losses. */
export async function pieceLosses(
  rec: Recorder,
  piece: HeadPiece,
  x: Act,
  w: Weight,
  targets: LabBuffer,
  losses: LabBuffer,
  options: HeadLossOptions,
): Promise<void> {
  await pieceLogits(rec, piece, x, w, options);
  await foldLosses(rec, piece, targets, losses, options);
}

/** `pieceLosses` where the logits are there. */
export async function foldLosses(
  rec: Recorder,
  piece: HeadPiece,
  targets: LabBuffer,
  losses: LabBuffer,
  options: Pick<HeadLossOptions, 'variant' | 'begin'>,
): Promise<void> {
  const variant = options.variant ?? bySpeed(rec.ctx, 'headLoss', 'lane', 'tree');
  const { logits, state, rowBegin, colBegin, isFirst, isLast } = piece;
  const { rows, cols } = logits;
  for (const { begin, end } of splitRange(rows, 4, cols * 24, rec.maxCost)) {
    await rec.run({
      kernel: headLossKernels[variant],
      bind: { logits: logits.buffer, targets, state, losses },
      params: {
        first: begin,
        end,
        cols,
        colBegin,
        rowBegin: (options.begin ?? 0) + rowBegin,
        isFirst: isFirst ? 1 : 0,
        isLast: isLast ? 1 : 0,
        invalid: NaN,
      },
      grid: foldGrid(variant === 'lane' ? Math.ceil((end - begin) / 4) : end - begin),
      cost: (end - begin) * cols * 24,
      flops: (end - begin) * cols * 4,
      bytes: (end - begin) * (4 * cols + 32),
    });
  }
}

/**
 * All logits of the rows of x, [rows, vocab]: softcap * tanh(scale * (x Wᵀ) / softcap). For a few rows (decoding); `out`
 * is as large as it looks.
 */
export async function logits(
  rec: Recorder,
  x: Act,
  w: Weight,
  out: Act,
  options: LogitOptions = {},
): Promise<void> {
  require(x.rows > 0, 'logits', 'x has no rows');
  if (x.rows <= 4) await matvec(rec, x, w, out);
  else await matmul(rec, x, w, out);
  await softcap(rec, out, options);
}
