/**
 * Masks of the smallest scores |w| * norm, on the GPU: per row, over the whole matrix, or N of every M. All are exact
 * and agree bit for bit with selectCpu.ts: scores are compared as integers (shaders/lib/scoreKey.wgsl), ties go by
 * lowest column (or flat index) first, NaN ranks last. Without norms the score is |w| (magnitude).
 */
import { DTYPE_BYTES } from '../core/dtypes';
import { defineKernel } from '../gpu/kernel';
import type { Recorder } from '../gpu/recorder';
import type { LabBuffer } from '../gpu/scope';
import grid from '../../shaders/lib/grid.wgsl?raw';
import keyRange from '../../shaders/lib/keyRange.wgsl?raw';
import matrixState from '../../shaders/lib/matrixState.wgsl?raw';
import radix from '../../shaders/lib/radix.wgsl?raw';
import radixPick from '../../shaders/lib/radixPick.wgsl?raw';
import scoreKey from '../../shaders/lib/scoreKey.wgsl?raw';
import ranksCode from '../../shaders/maskFromRanks.wgsl?raw';
import rankRowsCode from '../../shaders/rankRows.wgsl?raw';
import groupsCode from '../../shaders/selectGroups.wgsl?raw';
import countCode from '../../shaders/selectMatrixCount.wgsl?raw';
import maskCode from '../../shaders/selectMatrixMask.wgsl?raw';
import pickCode from '../../shaders/selectMatrixPick.wgsl?raw';
import rowGroupCode from '../../shaders/selectRowGroup.wgsl?raw';
import rowLaneCode from '../../shaders/selectRowLane.wgsl?raw';
import { checkBytes, checkMask, require } from './check';
import { bySpeed } from './choose';
import { checkScored, gridFor, pieces, scoreBindings, scoreConstants } from './pruneKernels';
import { checkGroups, type GroupPattern, type MatrixRule } from './selectRules';
import { equalParts } from './split';
import type { MaskBuffer, Vec, Weight } from './types';

export { matrixRule, rowCounts, type GroupPattern, type MatrixRule } from './selectRules';

export type SelectVariant = 'lane' | 'group';

export const selectRowsKernels = {
  lane: defineKernel('selectRows.lane', grid, keyRange, scoreKey, radix, rowLaneCode),
  group: defineKernel('selectRows.group', grid, keyRange, scoreKey, radix, radixPick, rowGroupCode),
};
export const selectMatrixKernels = {
  count: defineKernel('selectMatrix.count', grid, keyRange, scoreKey, radix, matrixState, countCode),
  pick: defineKernel('selectMatrix.pick', keyRange, radix, radixPick, matrixState, pickCode),
  mask: defineKernel('selectMatrix.mask', grid, keyRange, scoreKey, matrixState, maskCode),
};
export const selectGroupsKernel = defineKernel('selectGroups', grid, keyRange, scoreKey, groupsCode);
export const rankRowsKernel = defineKernel('rankRows', grid, keyRange, scoreKey, rankRowsCode);
export const maskFromRanksKernel = defineKernel('maskFromRanks', grid, ranksCode);

/** Bytes of struct State in lib/matrixState.wgsl. */
const MATRIX_STATE_BYTES = (8 + 256) * 4;

/** Cost of one score in flop-equivalents: measured on a software adapter (ns), judged on hardware. */
const KEY_COST = { software: 25, hardware: 12 };
/** Elements that one workgroup of selectMatrix.count histograms. */
const COUNT_RUN = 8192;

function keyCost(rec: Recorder): number {
  return rec.ctx.record.software ? KEY_COST.software : KEY_COST.hardware;
}

/** Cost of lib/radixPick.wgsl: its barriers, which software adapters run as coroutines. */
function pickCost(rec: Recorder): number {
  return rec.ctx.record.software ? 5e5 : 1e4;
}

/**
 * Prunes, in each row r, exactly the counts[r] scores that come first in stable ascending order. counts: u32 [rows];
 * counts above cols act like cols. `out` is written whole.
 */
export async function selectRows(
  rec: Recorder,
  w: Weight,
  norms: Vec | null,
  counts: LabBuffer,
  out: MaskBuffer,
  options: { /** lane: software adapters; group: hardware. */ variant?: SelectVariant } = {},
): Promise<void> {
  const variant = options.variant ?? bySpeed(rec.ctx, 'selectRows', 'lane', 'group');
  checkScored('selectRows', w, norms, out);
  checkBytes('selectRows', 'counts', counts, w.rows * 4);
  // Up to five readings of the row, most often three or four.
  const costPerRow = (w.cols * 5 + 512) * keyCost(rec) + (variant === 'group' ? 4 * pickCost(rec) : 0);
  for (const { shard, begin, end } of pieces(rec, w, 1, costPerRow)) {
    await rec.run({
      kernel: selectRowsKernels[variant],
      bind: { ...scoreBindings(shard, norms), counts, mask: out.buffer },
      params: {
        cols: w.cols,
        rowBegin: begin,
        rowEnd: end,
        shardRow: shard.rowBegin,
        wordsPerRow: out.wordsPerRow,
      },
      grid: gridFor(end - begin, variant === 'lane' ? 16 : 1),
      cost: (end - begin) * costPerRow,
      bytes: (end - begin) * (w.cols * DTYPE_BYTES[w.dtype] + 4 * out.wordsPerRow),
      constants: scoreConstants(w, norms),
    });
  }
}

/**
 * One threshold for the whole matrix. `inclusive`: every score <= the index-th smallest (0-based, clamped to the last)
 * is pruned, nothing where that score is NaN. `exact`: the `count` smallest by (score, flat index).
 * Nothing is read back: the digits found so far stay on the GPU. rows * cols < 2^32.
 */
export async function selectMatrix(
  rec: Recorder,
  w: Weight,
  norms: Vec | null,
  rule: MatrixRule,
  out: MaskBuffer,
): Promise<void> {
  checkScored('selectMatrix', w, norms, out);
  const total = w.rows * w.cols;
  require(total < 2 ** 32, 'selectMatrix', `${w.name} has ${total} elements`);
  const inclusive = rule.rule === 'inclusive';
  const need = inclusive ? Math.min(rule.index, total - 1) + 1 : Math.min(rule.count, total);
  const constants = scoreConstants(w, norms);
  const state = rec.scratch('selectMatrix', MATRIX_STATE_BYTES);
  const pick = (begin: 0 | 1, level: number): Promise<void> =>
    rec.run({
      kernel: selectMatrixKernels.pick,
      bind: { state },
      params: { begin, need, total, level, inclusive: inclusive ? 1 : 0 },
      grid: [1],
      cost: pickCost(rec),
      bytes: 2 * MATRIX_STATE_BYTES,
    });
  const count = async (level: number): Promise<void> => {
    // A kernel with barriers runs several times slower on software adapters.
    const cost = keyCost(rec) * (rec.ctx.record.software ? 4 : 1);
    for (const { shard, begin, end } of pieces(rec, w, w.cols, cost)) {
      await rec.run({
        kernel: selectMatrixKernels.count,
        bind: { ...scoreBindings(shard, norms), state },
        params: { cols: w.cols, begin, end, shardBegin: shard.rowBegin * w.cols, run: COUNT_RUN, level },
        grid: gridFor(end - begin, COUNT_RUN),
        cost: (end - begin) * cost,
        bytes: (end - begin) * DTYPE_BYTES[w.dtype],
        constants,
      });
    }
  };
  await pick(1, 0);
  if (inclusive || (need > 0 && need < total)) {
    for (let level = 0; level < 4; level++) {
      await count(level);
      await pick(0, level);
    }
    // Where ties must be told apart, by the digits of the flat index that this matrix has.
    const firstLevel = 8 - Math.ceil(Math.log2(total + 1) / 8);
    for (let level = firstLevel; !inclusive && level < 8; level++) {
      await count(level);
      await pick(0, level);
    }
  }
  const wordCost = 32 * keyCost(rec);
  for (const { shard, begin, end } of pieces(rec, w, out.wordsPerRow, wordCost)) {
    await rec.run({
      kernel: selectMatrixKernels.mask,
      bind: { ...scoreBindings(shard, norms), state, mask: out.buffer },
      params: { cols: w.cols, begin, end, shardRow: shard.rowBegin, wordsPerRow: out.wordsPerRow },
      grid: gridFor(end - begin, 64),
      cost: (end - begin) * wordCost,
      bytes: (end - begin) * ((w.cols * DTYPE_BYTES[w.dtype]) / out.wordsPerRow + 4),
      constants,
    });
  }
}

/** N:M: in every aligned group, the group - keep smallest scores are pruned, lowest column first among ties. */
export async function selectGroups(
  rec: Recorder,
  w: Weight,
  norms: Vec | null,
  pattern: GroupPattern,
  out: MaskBuffer,
): Promise<void> {
  checkScored('selectGroups', w, norms, out);
  checkGroups(w.name, w.cols, pattern);
  const { keep, group } = pattern;
  let run = group;
  while (run % 32 !== 0) run += group;
  const runsPerRow = Math.ceil(w.cols / run);
  const costPerRow = runsPerRow * run * (keyCost(rec) + group * 4);
  for (const { shard, begin, end } of pieces(rec, w, 1, costPerRow)) {
    await rec.run({
      kernel: selectGroupsKernel,
      bind: { ...scoreBindings(shard, norms), mask: out.buffer },
      params: {
        cols: w.cols,
        rowBegin: begin,
        rowEnd: end,
        shardRow: shard.rowBegin,
        wordsPerRow: out.wordsPerRow,
        keep,
        group,
        run,
        runsPerRow,
      },
      grid: gridFor((end - begin) * runsPerRow, 32),
      cost: (end - begin) * costPerRow,
      bytes: (end - begin) * (w.cols * DTYPE_BYTES[w.dtype] + 4 * out.wordsPerRow),
      constants: scoreConstants(w, norms),
    });
  }
}

/** Columns whose ranks fit 16 bits. */
export const MAX_RANKED_COLUMNS = 65536;

/**
 * The order of each row's scores, which holds for every sparsity: ranks u16 [rows, cols], packed two to a word without
 * padding between rows, as rowRanks of selectCpu.ts. Counts, for every score, those before it: cols² comparisons a row.
 */
export async function rankRows(rec: Recorder, w: Weight, norms: Vec | null, ranks: LabBuffer): Promise<void> {
  checkScored('rankRows', w, norms);
  require(w.cols <= MAX_RANKED_COLUMNS, 'rankRows', `${w.name} has ${w.cols} columns`);
  require(w.rows * w.cols < 2 ** 32, 'rankRows', `${w.rows} x ${w.cols} elements`);
  checkBytes('rankRows', 'ranks', ranks, w.rows * w.cols * 2);
  rec.clear(ranks);
  // Barriers are what costs on software adapters.
  const costPerRow =
    w.cols * w.cols * 4 + w.cols * keyCost(rec) + (rec.ctx.record.software ? w.cols * 2e3 : 0);
  for (const { shard, begin, end } of pieces(rec, w, 1, costPerRow)) {
    await rec.run({
      kernel: rankRowsKernel,
      bind: { ...scoreBindings(shard, norms), ranks },
      params: { cols: w.cols, rowBegin: begin, rowEnd: end, shardRow: shard.rowBegin },
      grid: gridFor(end - begin, 1),
      cost: (end - begin) * costPerRow,
      bytes: (end - begin) * w.cols * (DTYPE_BYTES[w.dtype] + 2),
      constants: scoreConstants(w, norms),
    });
  }
}

/**
 * Prunes in each row the ranks below counts[r]. ranks: u16 [rows, cols] as rankRows leaves them; counts: u32 [rows].
 */
export async function maskFromRanks(
  rec: Recorder,
  ranks: LabBuffer,
  counts: LabBuffer,
  out: MaskBuffer,
): Promise<void> {
  checkMask('maskFromRanks', out, out.rows, out.cols);
  checkBytes('maskFromRanks', 'ranks', ranks, out.rows * out.cols * 2);
  checkBytes('maskFromRanks', 'counts', counts, out.rows * 4);
  require(out.rows * out.cols < 2 ** 32, 'maskFromRanks', `${out.rows} x ${out.cols} elements`);
  const words = out.rows * out.wordsPerRow;
  const wordCost = 32 * 6;
  const step = equalParts(words, 1, rec.maxCost / wordCost);
  for (let begin = 0; begin < words; begin += step) {
    const end = Math.min(begin + step, words);
    await rec.run({
      kernel: maskFromRanksKernel,
      bind: { ranks, counts, mask: out.buffer },
      params: { cols: out.cols, begin, end, wordsPerRow: out.wordsPerRow },
      grid: gridFor(end - begin, 64),
      cost: (end - begin) * wordCost,
      bytes: (end - begin) * ((2 * out.cols) / out.wordsPerRow + 4),
    });
  }
}
