import { defineKernel, foldGrid } from '../gpu/kernel';
import type { Recorder } from '../gpu/recorder';
import type { LabBuffer } from '../gpu/scope';
import grid from '../../shaders/lib/grid.wgsl?raw';
import shared from '../../shaders/lib/headLoss.wgsl?raw';
import lane from '../../shaders/headLossLane.wgsl?raw';
import tree from '../../shaders/headLossTree.wgsl?raw';
import { checkAct, checkBytes, checkWeight, require } from './check';
import { bySpeed } from './choose';
import { matmul, type MatmulVariant } from './matmul';
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
}

/**
 * losses[r] = -log softmax(logits)[targets[r]], logits = softcap * tanh(scale * (x[r] Wᵀ) / softcap). x [rows, k] is the normed last stream, w [vocab, k], targets u32
 * [rows], losses f32 [rows]. Logits exist only in pieces of at most `scratchBytes`. A row with a logit that is not
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
  checkWeight('headLoss', w);
  checkAct('headLoss', 'x', x, { cols: w.cols });
  checkBytes('headLoss', 'targets', targets, rows * 4);
  checkBytes('headLoss', 'losses', losses, rows * 4);
  if (rows === 0) return;
  const variant = options.variant ?? bySpeed(rec.ctx, 'headLoss', 'lane', 'tree');
  const elements = Math.floor((options.scratchBytes ?? SCRATCH_BYTES) / 4);
  const rowStep = Math.min(rows, 1024, Math.max(1, Math.floor(elements / 64)));
  // Pieces begin at whole matmul tiles.
  const colStep = Math.min(w.rows, Math.max(64, Math.floor(elements / rowStep / 64) * 64));
  const piece = workspace.buffer(rec, 'tile', rowStep * colStep * 4);
  const state = workspace.buffer(rec, 'headState', rowStep * 16);
  for (let rowBegin = 0; rowBegin < rows; rowBegin += rowStep) {
    const count = Math.min(rowStep, rows - rowBegin);
    for (let colBegin = 0; colBegin < w.rows; colBegin += colStep) {
      const cols = Math.min(colStep, w.rows - colBegin);
      const out = { buffer: piece, rows: count, cols };
      await matmul(rec, x, w, out, {
        rowBegin,
        rows: count,
        weightBegin: colBegin,
        weightRows: cols,
        variant: options.matmul,
      });
      await softcap(rec, out, options);
      for (const { begin, end } of splitRange(count, 4, cols * 24, rec.maxCost)) {
        await rec.run({
          kernel: headLossKernels[variant],
          bind: { logits: piece, targets, state, losses },
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
          cost: (end - begin) * cols * 24,
          flops: (end - begin) * cols * 4,
        });
      }
    }
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
