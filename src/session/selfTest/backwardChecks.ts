/** Cases of the kernels of the way back; only pruners with gradients need them, so the quick test leaves them out. */
import { ACTIVATIONS } from '../../ops/activate';
import {
  tryAccumulate,
  tryActivateBackward,
  tryAttentionBackward,
  tryHeadLossBackward,
  tryMergeColumns,
  tryNormBackward,
  tryTranspose,
} from '../../ops/backwardTrials';
import { NO_VARIANTS, type KernelCheck, type Rig } from './check';
import { DTYPES } from './forwardChecks';

const check = (op: string, what: string, run: (rig: Rig) => Promise<void>): KernelCheck => ({
  op,
  what,
  ...NO_VARIANTS,
  thorough: true,
  run,
});

export const BACKWARD_CHECKS: readonly KernelCheck[] = [
  ...DTYPES.map((dtype) =>
    check('transpose', dtype, (rig) =>
      tryTranspose(rig, { rows: 13, cols: 7, dtype, outCols: 16, shardRows: 4 }),
    ),
  ),
  check('accumulate', 'squares', (rig) => tryAccumulate(rig, 9, 37, true)),
  check('mergeColumns', 'every third block', (rig) =>
    tryMergeColumns(rig, 4, 20, 60, { begin: 10, block: 5, stride: 15 }),
  ),
  ...(['rms', 'layer'] as const).map((kind) =>
    check('normBackward', kind, (rig) => tryNormBackward(rig, 17, 33, { kind, eps: 1e-5, accumulate: true })),
  ),
  ...ACTIVATIONS.map((kind) =>
    check('activateBackward', kind, (rig) => tryActivateBackward(rig, kind, 9, 67, true)),
  ),
  check('attentionBackward', 'a window and a soft cap', (rig) =>
    tryAttentionBackward(rig, {
      batch: 2,
      queries: 37,
      heads: 4,
      kvHeads: 2,
      headDim: 12,
      window: 9,
      softcap: 1.5,
    }),
  ),
  check('headLossBackward', 'pieces of the vocabulary', (rig) =>
    tryHeadLossBackward(rig, { rows: 17, vocab: 133, k: 8, factor: 1 / 16, scratchBytes: 17 * 64 * 4 }),
  ),
];
