import { defineKernel, foldGrid } from '../gpu/kernel';
import type { Recorder } from '../gpu/recorder';
import type { LabBuffer } from '../gpu/scope';
import grid from '../../shaders/lib/grid.wgsl?raw';
import code from '../../shaders/rope.wgsl?raw';
import { checkAct, checkBytes, require } from './check';
import { splitRange } from './split';
import type { Act } from './types';

export const ropeKernel = defineKernel('rope', grid, code);

export interface RopeOptions {
  heads: number;
  headDim: number;
  /** Rows of one sequence: row r stands at position r % seqLength + positionBegin. */
  seqLength: number;
  positionBegin: number;
  /** Even, at most headDim; the first rotaryDim values of each head turn, in the half-split layout. */
  rotaryDim: number;
  /** Turns the other way: the gradient of the input from that of the output. */
  inverse?: boolean;
}

/**
 * Rotates x [tokens, heads * headDim] in place. `table` is f32 [positions, rotaryDim / 2, 2] of (cos, sin) and must
 * reach to position seqLength - 1 + positionBegin.
 */
export async function rope(rec: Recorder, x: Act, table: LabBuffer, options: RopeOptions): Promise<void> {
  const { heads, headDim, seqLength, positionBegin, rotaryDim, inverse = false } = options;
  checkAct('rope', 'x', x, { cols: heads * headDim });
  require(rotaryDim % 2 === 0 &&
    rotaryDim <= headDim, 'rope', `rotaryDim ${rotaryDim} with headDim ${headDim}`);
  require(seqLength > 0, 'rope', `seqLength is ${seqLength}`);
  checkBytes('rope', 'table', table, (positionBegin + Math.min(x.rows, seqLength)) * rotaryDim * 4);
  const pairs = rotaryDim / 2;
  if (pairs === 0) return;
  const rowCost = heads * rotaryDim * 60;
  for (const { begin, end } of splitRange(x.rows, 1, rowCost, rec.maxCost)) {
    await rec.run({
      kernel: ropeKernel,
      bind: { table, x: x.buffer },
      params: {
        rowBegin: begin,
        rowEnd: end,
        heads,
        headDim,
        pairs,
        seqLength,
        positionBegin,
        direction: inverse ? -1 : 1,
      },
      grid: foldGrid(Math.ceil(((end - begin) * pairs) / 64)),
      cost: (end - begin) * rowCost,
      flops: (end - begin) * heads * pairs * 6,
      bytes: (end - begin) * rotaryDim * (8 * heads + 4 * Math.min(1, seqLength / x.rows)),
    });
  }
}
