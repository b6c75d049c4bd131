import { defineKernel } from '../gpu/kernel';
import type { Recorder } from '../gpu/recorder';
import type { LabBuffer } from '../gpu/scope';
import code from '../../shaders/errorSums.wgsl?raw';
import grid from '../../shaders/lib/grid.wgsl?raw';
import { checkAct, checkBytes, require } from './check';
import { equalParts } from './split';
import { gridFor } from './pruneKernels';
import type { Act } from './types';

export const errorSumsKernel = defineKernel('errorSums', grid, code);

/** Outputs of one block B (dense) or B~ (pruned) on the dense stream x or the pruned stream x~, all [tokens, hidden]. */
export interface BlockOutputs {
  /** B~(x~) */
  a: Act;
  /** B(x~); left out while only the cumulative error is wanted. */
  b?: Act;
  /** B(x) */
  c: Act;
  /** B~(x); needs b. */
  d?: Act;
}

/** Sums over all elements; 0 for a term whose streams were left out. */
export interface ErrorTotals {
  /** (d - c)^2 */
  local: number;
  /** (a - b)^2 */
  inPlace: number;
  /** (b - c)^2 */
  inherited: number;
  /** (a - c)^2 */
  cumulative: number;
  /** (a - b)(b - c); cumulative = inPlace + inherited + 2 cross */
  cross: number;
  /** c^2 */
  dense: number;
}

const ELEMENTS_PER_GROUP = 64 * 64 * 4;

/** Rows of `out` that one call writes for streams of so many elements; each row sums at most 256 of them. */
export function errorPartials(elements: number): number {
  return Math.ceil(elements / ELEMENTS_PER_GROUP) * 64;
}

/**
 * Partial sums out[partialBegin + k] = (local, inPlace, inherited, cumulative, cross, dense), f32 [partials, 6];
 * terms whose streams are left out are 0. Nothing is accumulated: each call writes its own errorPartials() rows.
 */
export async function errorSums(
  rec: Recorder,
  outputs: BlockOutputs,
  out: LabBuffer,
  partialBegin = 0,
): Promise<void> {
  const { a, b, c, d } = outputs;
  const shape = { rows: a.rows, cols: a.cols };
  checkAct('errorSums', 'a', a);
  checkAct('errorSums', 'c', c, shape);
  if (b) checkAct('errorSums', 'b', b, shape);
  if (d) checkAct('errorSums', 'd', d, shape);
  require(!d || b !== undefined, 'errorSums', 'd without b');
  const partials = errorPartials(a.rows * a.cols);
  checkBytes('errorSums', 'out', out, (partialBegin + partials) * 24);
  const streams = b ? (d ? 2 : 1) : 0;
  const laneCost = 256 * (8 + 5 * streams);
  const step = equalParts(partials, 64, rec.maxCost / laneCost);
  for (let begin = 0; begin < partials; begin += step) {
    const lanes = Math.min(step, partials - begin);
    await rec.run({
      kernel: errorSumsKernel,
      bind: { a: a.buffer, b: (b ?? a).buffer, c: c.buffer, d: (d ?? a).buffer, out },
      params: { total: a.rows * a.cols, begin: begin * 64, outRow: partialBegin + begin, lanes },
      grid: gridFor(lanes, 64),
      cost: lanes * laneCost,
      flops: lanes * 256 * (5 + 5 * streams),
      bytes: (lanes / partials) * a.rows * a.cols * 4 * (2 + streams) + lanes * 24,
      constants: { STREAMS: streams },
    });
  }
}

/** Adds partials [*, 6] in f64. */
export function sumPartials(partials: Float32Array): ErrorTotals {
  const sums = new Float64Array(6);
  for (let at = 0; at < partials.length; at++)
    sums[at % 6] = (sums[at % 6] as number) + (partials[at] as number);
  const [local = 0, inPlace = 0, inherited = 0, cumulative = 0, cross = 0, dense = 0] = sums;
  return { local, inPlace, inherited, cumulative, cross, dense };
}
