import { DTYPE_BYTES } from '../core/dtypes';
import type { GpuContext } from '../gpu/context';
import type { Recorder } from '../gpu/recorder';
import shared from '../../shaders/lib/matvec.wgsl?raw';
import put from '../../shaders/lib/matvecPut.wgsl?raw';
import lane from '../../shaders/matvecLane.wgsl?raw';
import scalar from '../../shaders/matvecScalar.wgsl?raw';
import tree from '../../shaders/matvecTree.wgsl?raw';
import { checkAct, checkMask, checkVec, checkWeight, require } from './check';
import { firstUsable } from './choose';
import { splitRange } from './split';
import type { Act, MaskBuffer, Vec, Weight } from './types';
import { perDtype } from './weightLibs';

export type MatvecVariant = 'lane' | 'tree' | 'scalar';

/** Outputs of one workgroup. */
const OUTPUTS: Record<MatvecVariant, number> = { lane: 16, tree: 1, scalar: 32 };
const MAX_GRID = 65535;

export const matvecKernels = {
  lane: perDtype('matvec.lane', shared, put, lane),
  tree: perDtype('matvec.tree', shared, put, tree),
  scalar: perDtype('matvec.scalar', shared, put, scalar),
};

/** `lane` for software adapters, `tree` for hardware; only `scalar` takes any k. */
export function chooseMatvec(ctx: GpuContext, k: number): MatvecVariant {
  const order: MatvecVariant[] = ctx.record.software
    ? ['lane', 'tree', 'scalar']
    : ['tree', 'lane', 'scalar'];
  return firstUsable(ctx, 'matvec', k % 4 === 0 ? order : ['scalar']);
}

export interface MatvecOptions {
  bias?: Vec;
  /** Added to the result; may be `out` itself. */
  residual?: Act;
  /** Weights whose bit is 0 count as 0; the weight itself stays as it is. */
  mask?: MaskBuffer;
  variant?: MatvecVariant;
  /** Workgroups in one row of the grid; tests lower it. */
  gridWidth?: number;
}

/**
 * out = x (W·mask)ᵀ (+ bias) (+ residual) for decoding: x [1..4, k], w [n, k], out [rows, n]. Every row of x reads the
 * weight once more: for many rows `matmul` is the right op.
 */
export async function matvec(
  rec: Recorder,
  x: Act,
  w: Weight,
  out: Act,
  options: MatvecOptions = {},
): Promise<void> {
  const { bias, residual, mask } = options;
  const k = w.cols;
  checkWeight('matvec', w);
  checkAct('matvec', 'x', x, { cols: k });
  checkAct('matvec', 'out', out, { rows: x.rows, cols: w.rows });
  require(x.rows >= 1 && x.rows <= 4, 'matvec', `x has ${x.rows} rows, allowed are 1 to 4`);
  require(x.buffer !== out.buffer, 'matvec', 'x and out share a buffer');
  if (bias) checkVec('matvec', 'bias', bias, w.rows);
  if (mask) checkMask('matvec', mask, w.rows, k);
  if (residual) {
    checkAct('matvec', 'residual', residual, { rows: out.rows, cols: out.cols });
    if (residual.buffer !== out.buffer) rec.copy(residual.buffer, 0, out.buffer, 0, out.rows * out.cols * 4);
  }
  const id = options.variant ?? chooseMatvec(rec.ctx, k);
  require(id === 'scalar' || k % 4 === 0, 'matvec', `the kernel ${id} needs k divisible by 4, k is ${k}`);
  for (const shard of w.shards) {
    const rowCost = x.rows * k * (2 + 4 * DTYPE_BYTES[w.dtype]);
    // Without folding a dispatch has at most MAX_GRID workgroups, whatever its cost.
    const most = id === 'tree' ? rec.maxCost : Math.min(rec.maxCost, MAX_GRID * OUTPUTS[id] * rowCost);
    for (const { begin, end } of splitRange(shard.rows, OUTPUTS[id], rowCost, most)) {
      const groups = Math.ceil((end - begin) / OUTPUTS[id]);
      const foldX = id === 'tree' ? Math.min(groups, options.gridWidth ?? MAX_GRID) : groups;
      await rec.run({
        kernel: matvecKernels[id][w.dtype],
        bind: {
          x: x.buffer,
          weight: shard.buffer,
          mask: mask?.buffer ?? x.buffer,
          bias: bias?.buffer ?? x.buffer,
          out: out.buffer,
        },
        params: {
          rowBegin: begin,
          rowEnd: end,
          columnShift: shard.rowBegin,
          outStride: out.cols,
          k,
          wordsPerRow: mask?.wordsPerRow ?? 0,
          hasMask: mask ? 1 : 0,
          hasBias: bias ? 1 : 0,
          accumulate: residual ? 1 : 0,
        },
        grid: [foldX, x.rows, Math.ceil(groups / foldX)],
        cost: (end - begin) * rowCost,
        flops: 2 * x.rows * (end - begin) * k,
        bytes:
          (end - begin) *
          (k * DTYPE_BYTES[w.dtype] +
            4 * (mask?.wordsPerRow ?? 0) +
            x.rows * ((residual ? 8 : 4) + (4 * k) / w.rows)),
      });
    }
  }
}
