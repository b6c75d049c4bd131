/**
 * SparseGPT (Frantar and Alistarh, arXiv 2301.00774): columns from left to right; what a removed weight gave is made
 * up for by the columns to its right, by the inverse of the inputs' Hessian. f64 throughout.
 */
import { LabError } from '../../core/errors';
import { checkGroups, type GroupPattern } from '../../ops/selectRules';
import { inverseFactorTransposed } from '../linalg/cholesky';
import { kthSmallest } from '../linalg/kthSmallest';
import { addProduct, view } from '../linalg/product';
import type { Choose, MatrixChoice, MatrixJob, Pace } from '../pruners/define';
import {
  allKept,
  drop,
  gramOf,
  isKept,
  maskOfScores,
  numberParam,
  perInput,
  relativeError,
  wordsPerRow,
} from './common';

/** Which weights go: a mask that is there already, a fraction of every block of columns, or K:M in each row. */
export type Rule =
  | { kind: 'given'; kept: Uint32Array<ArrayBuffer> }
  | { kind: 'rate'; rate: number; exactBudget: boolean }
  | { kind: 'groups'; pattern: GroupPattern };

const RETRIES = 6;
const UPDATE_BLOCK = 128;

export const prune: Choose = async (job) => {
  const { cols, params, rate, exactBudget, pattern, tensor } = job;
  if (pattern !== 'free') checkGroups(tensor, cols, pattern);
  const from = params['maskFrom'];
  if (from === 'magnitude') return updateUnder(job, maskOfScores(job, from, 'matrix'));
  if (from === 'wanda') return updateUnder(job, maskOfScores(job, from, 'row'));
  if (pattern === 'free') return solve(job, { kind: 'rate', rate, exactBudget }, blockOf(job));
  return solve(job, { kind: 'groups', pattern }, blockOf(job));
};

/** Keeps `kept` as it is and changes the weights that stay; the width of the blocks plays no part. */
export function updateUnder(job: MatrixJob, kept: Uint32Array<ArrayBuffer>): Promise<MatrixChoice> {
  return solve(job, { kind: 'given', kept }, UPDATE_BLOCK);
}

async function solve(job: MatrixJob, rule: Rule, blockSize: number): Promise<MatrixChoice> {
  const { rows, cols, pace } = job;
  const gram = gramOf(job);
  const { ut, dead, damping, retries } = await factorOf(job);
  const w = new Float64Array(job.weights);
  for (const c of dead) for (let r = 0; r < rows; r++) w[r * cols + c] = 0;
  const { kept } = await sweep(w, rows, cols, ut, blockSize, rule, pace);
  const error = await relativeError(job, gram, w);
  return { kept, values: new Float32Array(w), solver: { damping, retries, relativeError: error } };
}

/** Columns in a block: as asked, or the largest number of whole groups below. */
function blockOf({ params, pattern, tensor, warn }: MatrixJob): number {
  const asked = numberParam(params, 'blockSize');
  if (pattern === 'free' || asked % pattern.group === 0) return asked;
  const { group } = pattern;
  const block = Math.max(group, asked - (asked % group));
  warn(`${tensor}: blocks of ${asked} columns would cut groups of ${group}; they have ${block} columns.`);
  return block;
}

interface HessianFactor {
  /** U^T, lower triangular: H^-1 = U^T U. */
  ut: Float64Array<ArrayBuffer>;
  /** Inputs that never carried anything. */
  dead: number[];
  /** What was added to the diagonal, as a fraction of its mean. */
  damping: number;
  retries: number;
}

/** Factor of the damped Hessian of a job's inputs. */
export const factorOf = perInput((job, dampening) => hessianFactor(job, gramOf(job), dampening));

/** Factor of the damped Hessian 2 / N_s * gram. Damping grows tenfold while Cholesky's method fails. */
export async function hessianFactor(
  { cols, statistics, tensor, pace }: Pick<MatrixJob, 'cols' | 'statistics' | 'tensor' | 'pace'>,
  gram: Float64Array,
  dampening: number,
): Promise<HessianFactor> {
  const h = gram.map((x) => (2 / statistics.sequences) * x);
  const dead: number[] = [];
  let trace = 0;
  for (let c = 0; c < cols; c++) {
    if (h[c * cols + c] === 0) {
      dead.push(c);
      h[c * cols + c] = 1;
    }
    trace += h[c * cols + c] as number;
  }
  let damping = dampening;
  for (let retries = 0; retries <= RETRIES; retries++) {
    const damped = h.slice();
    for (let c = 0; c < cols; c++)
      damped[c * cols + c] = (h[c * cols + c] as number) + (damping * trace) / cols;
    const ut = await inverseFactorTransposed(damped, cols, pace);
    if (ut) return { ut, dead, damping, retries };
    damping = damping === 0 ? 1e-6 : damping * 10;
  }
  throw new LabError(
    'SolverError',
    `${tensor}: its Hessian of ${cols} inputs is not positive definite, even with a damping of ${damping / 10}.`,
    'Use more calibration text, or a pruner without a Hessian such as wanda.',
  );
}

/**
 * Solves in place: W [rows, cols] becomes W', exact zeros where pruned. `loss` is half the sum of squared errors, each
 * divided by its diagonal element of U.
 */
export async function sweep(
  w: Float64Array,
  rows: number,
  cols: number,
  ut: Float64Array,
  blockSize: number,
  rule: Rule,
  pace: Pace,
): Promise<{ kept: Uint32Array<ArrayBuffer>; loss: number }> {
  const kept = rule.kind === 'given' ? rule.kept : allKept(rows, cols);
  const perRow = wordsPerRow(cols);
  const errors = new Float64Array(rows * cols);
  let loss = 0;
  for (let i1 = 0; i1 < cols; i1 += blockSize) {
    const i2 = Math.min(i1 + blockSize, cols);
    const width = i2 - i1;
    // All that earlier columns owe this block, at once.
    await addProduct(view(w, cols, 0, i1), view(errors, cols), view(ut, cols, i1), rows, width, i1, -1, pace);
    const u = diagonalBlock(ut, cols, i1, width);
    if (rule.kind === 'rate') dropInBlock(kept, w, rows, cols, u, i1, width, rule);
    for (let r = 0; r < rows; r++) {
      const row = r * cols + i1;
      for (let k = 0; k < width; k++) {
        if (rule.kind === 'groups' && k % rule.pattern.group === 0)
          dropInGroup(kept, w, r, cols, u, width, i1, k, rule.pattern);
        if (isKept(kept, perRow, r, i1 + k)) continue;
        const error = (w[row + k] as number) / (u[k * width + k] as number);
        loss += (error * error) / 2;
        errors[row + k] = error;
        w[row + k] = 0;
        const factors = k * width;
        for (let j = k + 1; j < width; j++)
          w[row + j] = (w[row + j] as number) - error * (u[factors + j] as number);
      }
      if (r % 64 === 63) await pace.breathe();
    }
    await pace.breathe();
  }
  return { kept, loss };
}

/** U[i1 .. i1 + width) on both sides, row-major. */
function diagonalBlock(ut: Float64Array, cols: number, i1: number, width: number): Float64Array {
  const u = new Float64Array(width * width);
  for (let k = 0; k < width; k++)
    for (let j = k; j < width; j++) u[k * width + j] = ut[(i1 + j) * cols + i1 + k] as number;
  return u;
}

/** A score of NaN goes last. */
function score(weight: number, diagonal: number): number {
  const s = (weight * weight) / (diagonal * diagonal);
  return s === s ? s : Infinity;
}

/** Every score up to the one at index trunc(n * rate) goes, ties included; with an exact budget, exactly as many as are due. */
function dropInBlock(
  kept: Uint32Array,
  w: Float64Array,
  rows: number,
  cols: number,
  u: Float64Array,
  i1: number,
  width: number,
  { rate, exactBudget }: { rate: number; exactBudget: boolean },
): void {
  const total = rows * width;
  const scores = new Float64Array(total);
  for (let r = 0; r < rows; r++)
    for (let k = 0; k < width; k++)
      scores[r * width + k] = score(w[r * cols + i1 + k] as number, u[k * width + k] as number);
  // Fractions carry over from block to block where the budget is exact.
  const upTo = (i: number): number => Math.floor(rows * i * rate);
  const exact = upTo(i1 + width) - upTo(i1);
  if (rate <= 0 || (exactBudget && exact === 0)) return;
  const index = exactBudget ? exact - 1 : Math.min(Math.trunc(total * rate), total - 1);
  const limit = kthSmallest(scores.slice(), total, index);
  let ties = Infinity;
  if (exactBudget) {
    ties = exact;
    for (let i = 0; i < total; i++) if ((scores[i] as number) < limit) ties--;
  }
  const perRow = wordsPerRow(cols);
  for (let i = 0; i < total; i++) {
    const s = scores[i] as number;
    if (s > limit || (s === limit && ties-- <= 0)) continue;
    drop(kept, perRow, Math.floor(i / width), i1 + (i % width));
  }
}

function dropInGroup(
  kept: Uint32Array,
  w: Float64Array,
  r: number,
  cols: number,
  u: Float64Array,
  width: number,
  i1: number,
  k: number,
  { keep, group }: GroupPattern,
): void {
  const perRow = wordsPerRow(cols);
  const at = (j: number): number =>
    score(w[r * cols + i1 + k + j] as number, u[(k + j) * width + k + j] as number);
  for (let j = 0; j < group; j++) {
    const own = at(j);
    let before = 0;
    for (let i = 0; i < group; i++) if (at(i) < own || (i < j && at(i) === own)) before++;
    if (before < group - keep) drop(kept, perRow, r, i1 + k + j);
  }
}
