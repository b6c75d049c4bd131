import { DTYPE_BYTES } from '../core/dtypes';
import { foldGrid } from '../gpu/kernel';
import type { Recorder } from '../gpu/recorder';
import code from '../../shaders/addPositions.wgsl?raw';
import grid from '../../shaders/lib/grid.wgsl?raw';
import { checkAct, checkWeight, require } from './check';
import { splitRange } from './split';
import type { Act, Weight } from './types';
import { perDtype } from './weightLibs';

/** Flop-equivalents of an element. */
const COST = 40;

export const addPositionsKernels = perDtype('addPositions', grid, code);

export interface AddPositionsOptions {
  /** Rows of one sequence: row r stands at position r % seqLength + positionBegin. */
  seqLength: number;
  positionBegin: number;
  /** Rows of the table before that of position 0 (OPT: 2). */
  offset: number;
}

/**
 * out[r] += table[offset + positionBegin + r % seqLength]; out is [tokens, table.cols]. One dispatch per shard of the
 * table in which a row is used.
 */
export async function addPositions(
  rec: Recorder,
  table: Weight,
  out: Act,
  { seqLength, positionBegin, offset }: AddPositionsOptions,
): Promise<void> {
  const { rows, cols } = out;
  checkWeight('addPositions', table);
  checkAct('addPositions', 'out', out, { cols: table.cols });
  require(seqLength > 0, 'addPositions', `seqLength is ${seqLength}`);
  const first = offset + positionBegin;
  const end = first + Math.min(rows, seqLength);
  require(first >= 0 &&
    end <= table.rows, 'addPositions', `rows ${first} to ${end} of a table of ${table.rows} are asked for`);
  for (const shard of table.shards) {
    const rowEnd = shard.rowBegin + shard.rows;
    if (rowEnd <= first || shard.rowBegin >= end) continue;
    for (const piece of splitRange(rows * cols, 64, COST, rec.maxCost)) {
      const count = piece.end - piece.begin;
      await rec.run({
        kernel: addPositionsKernels[table.dtype],
        bind: { weight: shard.buffer, out: out.buffer },
        params: { ...piece, cols, seqLength, first, rowBegin: shard.rowBegin, rowEnd },
        grid: foldGrid(Math.ceil(count / 64)),
        cost: count * COST,
        flops: count,
        bytes: count * (8 + DTYPE_BYTES[table.dtype] * Math.min(1, seqLength / rows)),
      });
    }
  }
}
