/** What the pruning kernels share: constants that select the weight's type, and rows cut into short dispatches. */
import type { FloatDtype } from '../core/dtypes';
import { foldGrid } from '../gpu/kernel';
import type { Bindable, Recorder } from '../gpu/recorder';
import { checkMask, checkVec, checkWeight } from './check';
import { equalParts } from './split';
import type { MaskBuffer, Vec, Weight, WeightShard } from './types';

const WEIGHT_TYPE: Record<FloatDtype, number> = { F32: 0, F16: 1, BF16: 2 };

export function weightType(dtype: FloatDtype): { WEIGHT_TYPE: number } {
  return { WEIGHT_TYPE: WEIGHT_TYPE[dtype] };
}

/** Constants of lib/scoreKey.wgsl. */
export function scoreConstants(w: Weight, norms: Vec | null): Record<string, number> {
  return { ...weightType(w.dtype), HAS_NORMS: norms ? 1 : 0 };
}

/** Bindings of lib/scoreKey.wgsl; without norms the kernel never reads that binding, but something must be there. */
export function scoreBindings(shard: WeightShard, norms: Vec | null): Record<string, Bindable> {
  return { weights: shard.buffer, norms: norms?.buffer ?? shard.buffer };
}

/** Weight, norms [cols] and, where one is written, mask [rows, cols] belong together. */
export function checkScored(op: string, w: Weight, norms: Vec | null, mask?: MaskBuffer): void {
  checkWeight(op, w);
  if (mask) checkMask(op, mask, w.rows, w.cols);
  if (norms) checkVec(op, 'norms', norms, w.cols);
}

/** A run of items (rows, mask words or elements, counted from the shard's first) of one shard. */
export interface Piece {
  shard: WeightShard;
  begin: number;
  end: number;
}

/** Cuts every shard into pieces of at most rec.maxCost; `perRow` items to a row. */
export function* pieces(rec: Recorder, w: Weight, perRow: number, costPerItem: number): Generator<Piece> {
  for (const shard of w.shards) {
    const items = shard.rows * perRow;
    const step = equalParts(items, 1, rec.maxCost / costPerItem);
    for (let begin = 0; begin < items; begin += step)
      yield { shard, begin, end: Math.min(begin + step, items) };
  }
}

/** Grid of a kernel that does `lanes` items per workgroup. */
export function gridFor(items: number, lanes: number): [number, number] {
  return foldGrid(Math.ceil(items / lanes));
}
