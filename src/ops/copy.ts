import { defineKernel } from '../gpu/kernel';
import type { Recorder } from '../gpu/recorder';
import type { LabBuffer } from '../gpu/scope';
import code from '../../shaders/copy.wgsl?raw';
import grid from '../../shaders/lib/grid.wgsl?raw';
import { checkBytes } from './check';
import { gridFor } from './pruneKernels';
import { equalParts } from './split';

export const copyKernel = defineKernel('copy', grid, code);

/** Copies `bytes` (a multiple of 16) by a kernel, which is how weights are read: what the memory gives at best. */
export async function copy(rec: Recorder, from: LabBuffer, to: LabBuffer, bytes: number): Promise<void> {
  checkBytes('copy', 'from', from, bytes);
  checkBytes('copy', 'to', to, bytes);
  const vectors = bytes / 16;
  const step = equalParts(vectors, 64, rec.maxCost / 128);
  for (let begin = 0; begin < vectors; begin += step) {
    const end = Math.min(begin + step, vectors);
    await rec.run({
      kernel: copyKernel,
      bind: { source: from, out: to },
      params: { begin, end },
      grid: gridFor(end - begin, 64),
      cost: (end - begin) * 128,
      bytes: (end - begin) * 32,
    });
  }
}
