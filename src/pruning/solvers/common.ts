/** What the solvers share: reading a job, masks as bits, masks of other pruners, and the error that is reported. */
import { LabError } from '../../core/errors';
import { selectGroupsCpu, selectMatrixCpu, selectRowsCpu } from '../../ops/selectCpu';
import { matrixRule, rowCounts } from '../../ops/selectRules';
import type { MatrixJob, Params } from '../pruners/define';
import { quadraticForm } from '../linalg/product';

export function numberParam(params: Params, name: string): number {
  const value = params[name];
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw new LabError('SpecError', `The parameter ${name} is ${String(value)}, not a number.`);
}

/** A statistic that the pruner asked for. */
export function statistic<T>(value: T | undefined, job: MatrixJob, name: string): T {
  if (value === undefined)
    throw new LabError('InternalError', `The ${name} of the inputs of ${job.tensor} is missing.`);
  return value;
}

/** Gram matrices that were warned of already: several matrices share one. */
const warned = new WeakSet<Float32Array>();

/** sum over tokens of x x^T in f64, the caller's own. A rank below C is possible and worth a warning, once an input. */
export function gramOf(job: MatrixJob): Float64Array<ArrayBuffer> {
  const { cols, statistics, tensor } = job;
  const gram = statistic(statistics.gram, job, 'gram matrix');
  if (statistics.tokens < cols && !warned.has(gram)) {
    warned.add(gram);
    job.warn(
      `${tensor}: ${statistics.tokens} calibration tokens are too few for the Hessian of ${cols} inputs; damping fills the rest. Use at least ${4 * cols} tokens.`,
    );
  }
  if (!gram.every(Number.isFinite))
    throw new LabError(
      'SolverError',
      `${tensor}: its ${cols} inputs on the calibration text are too large to be summed, or not numbers: the model diverges before this matrix.`,
      'Lower the sparsity, or use a pruner without a Hessian such as wanda.',
    );
  return new Float64Array(gram);
}

/**
 * Remembers what `compute` made of a job's Gram matrix and damping, for one matrix at a time: those of one input follow
 * each other. Nothing outlives the statistics.
 */
export function perInput<T>(
  compute: (job: MatrixJob, dampening: number) => Promise<T>,
): (job: MatrixJob) => Promise<T> {
  let last = new WeakMap<Float32Array, { sequences: number; dampening: number; made: T }>();
  return async (job) => {
    const gram = statistic(job.statistics.gram, job, 'gram matrix');
    const { sequences } = job.statistics;
    const dampening = numberParam(job.params, 'dampening');
    const known = last.get(gram);
    if (known?.sequences === sequences && known.dampening === dampening) return known.made;
    const made = await compute(job, dampening);
    last = new WeakMap([[gram, { sequences, dampening, made }]]);
    return made;
  };
}

/** Weights as what the selection rules of scores read. */
export const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

export const wordsPerRow = (cols: number): number => Math.ceil(cols / 32);

export function isKept(kept: Uint32Array, perRow: number, r: number, c: number): boolean {
  return (((kept[r * perRow + (c >> 5)] as number) >>> (c & 31)) & 1) === 1;
}

export function drop(kept: Uint32Array, perRow: number, r: number, c: number): void {
  const at = r * perRow + (c >> 5);
  kept[at] = (kept[at] as number) & ~(1 << (c & 31));
}

/** Everything kept; bits beyond the last column are 0. */
export function allKept(rows: number, cols: number): Uint32Array<ArrayBuffer> {
  const perRow = wordsPerRow(cols);
  const kept = new Uint32Array(rows * perRow).fill(0xffffffff);
  if (cols % 32 > 0) for (let r = 1; r <= rows; r++) kept[r * perRow - 1] = 2 ** (cols % 32) - 1;
  return kept;
}

/** Weights that each row loses, for pruners that compare in rows. */
export function zerosByRow(job: MatrixJob): Uint32Array<ArrayBuffer> {
  return job.rowZeros ?? rowCounts(job.rows, job.cols, job.rate, job.exactBudget);
}

/** The masks of Wanda and of magnitude pruning, bit for bit as those pruners choose them. */
export function maskOfScores(
  job: MatrixJob,
  score: 'magnitude' | 'wanda',
  scope: 'row' | 'matrix',
): Uint32Array<ArrayBuffer> {
  const { rows, cols, weights, rate, pattern, exactBudget, statistics } = job;
  const bytes = bytesOf(weights);
  const norms = score === 'wanda' ? statistic(statistics.norms, job, 'norms') : null;
  if (pattern !== 'free') return selectGroupsCpu(bytes, 'F32', rows, cols, norms, pattern);
  return scope === 'row'
    ? selectRowsCpu(bytes, 'F32', rows, cols, norms, zerosByRow(job))
    : selectMatrixCpu(bytes, 'F32', rows, cols, norms, matrixRule(rows, cols, rate, exactBudget));
}

/** ||(W - W') X||^2 / ||W X||^2 by the Gram matrix of the inputs; 0 where W X is 0. */
export async function relativeError(
  job: MatrixJob,
  gram: Float64Array,
  values: Float64Array,
): Promise<number> {
  const { rows, cols, weights, pace } = job;
  const dense = await quadraticForm(new Float64Array(weights), rows, gram, cols, pace);
  const change = new Float64Array(values);
  for (let i = 0; i < change.length; i++) change[i] = (change[i] as number) - (weights[i] as number);
  const lost = await quadraticForm(change, rows, gram, cols, pace);
  return dense > 0 ? Math.max(lost, 0) / dense : 0;
}
