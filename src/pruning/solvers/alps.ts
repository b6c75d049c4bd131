/**
 * ALPS (Meng et al., arXiv 2406.07831): min ||X W - X W0||^2 with a budget of non-zeros for the whole matrix. ADMM
 * settles the support, a few conjugate-gradient steps the weights on it. Everything is kept as [R, C], rows are outputs;
 * the columns are scaled so that the damped Gram matrix A has a unit diagonal. f64 throughout.
 */
import { checkGroups, type GroupPattern } from '../../ops/selectRules';
import { positiveInverse } from '../linalg/cholesky';
import { kthMagnitude } from '../linalg/kthSmallest';
import { addProduct, quadraticForm, view } from '../linalg/product';
import type { Choose, MatrixJob, Pace } from '../pruners/define';
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

const CG_STEPS = 10;
const MAX_RHO = 1e6;
/** Below, every restart has failed. */
const MIN_RHO = 1e-30;
const TINY = 1e-8;

export const prune: Choose = async (job) => {
  const { rows, cols, params, pace, pattern } = job;
  if (pattern !== 'free') checkGroups(job.tensor, cols, pattern);
  const gram = gramOf(job);
  const problem = await problemOf(job);
  const from = params['maskFrom'];
  let support: Uint8Array;
  let b: Float64Array<ArrayBuffer>;
  let iterations: number | undefined;
  if (from === 'magnitude' || from === 'wanda') {
    b = problem.dense.slice();
    const kept = maskOfScores(job, from, from === 'wanda' ? 'row' : 'matrix');
    support = Uint8Array.from(b, (_, i) =>
      Number(isKept(kept, wordsPerRow(cols), Math.floor(i / cols), i % cols)),
    );
  } else {
    const found = await admm(problem, job);
    ({ b, iterations } = found);
    support = top(b, found.keep);
  }
  restrict(b, support);
  await conjugateGradients(problem, b, support, pace);
  if (from === 'own') await warnIfWorse(job, problem, b);

  const values = b.map((x, i) => x / (problem.scale[i % cols] as number));
  const kept = allKept(rows, cols);
  support.forEach((s, i) => {
    if (s === 0) drop(kept, wordsPerRow(cols), Math.floor(i / cols), i % cols);
  });
  const error = await relativeError(job, gram, values);
  const damping = numberParam(params, 'dampening');
  const solver = { damping, relativeError: error, ...(iterations === undefined ? {} : { iterations }) };
  return { kept, values: new Float32Array(values), solver };
};

interface Problem {
  rows: number;
  cols: number;
  /** A [C, C], symmetric with a unit diagonal. */
  a: Float64Array<ArrayBuffer>;
  /** D [C]: what the columns were multiplied by. */
  scale: Float64Array<ArrayBuffer>;
  /** B0 = W D, [R, C]. */
  dense: Float64Array<ArrayBuffer>;
  /** Y = B0 A, [R, C]. */
  target: Float64Array<ArrayBuffer>;
}

async function problemOf(job: MatrixJob): Promise<Problem> {
  const { rows, cols, weights, pace } = job;
  const { a, scale } = await scaledInputs(job);
  const dense = new Float64Array(weights).map((w, i) => w * (scale[i % cols] as number));
  const target = await multiply(new Float64Array(dense.length), dense, a, rows, cols, pace);
  return { rows, cols, a, scale, dense, target };
}

const scaledInputs = perInput((job, dampening) => {
  const { cols } = job;
  const a = gramOf(job);
  let trace = 0;
  for (let c = 0; c < cols; c++) trace += a[c * cols + c] as number;
  const damping = (dampening * trace) / cols;
  for (let c = 0; c < cols; c++) a[c * cols + c] = (a[c * cols + c] as number) + damping;
  const scale = Float64Array.from({ length: cols }, (_, c) => Math.sqrt(a[c * cols + c] as number) + TINY);
  for (let r = 0; r < cols; r++)
    for (let c = 0; c < cols; c++)
      a[r * cols + c] = (a[r * cols + c] as number) / ((scale[r] as number) * (scale[c] as number));
  return Promise.resolve({ a, scale });
});

/** out = X M for a symmetric M [C, C]. */
async function multiply(
  out: Float64Array<ArrayBuffer>,
  x: Float64Array,
  m: Float64Array,
  rows: number,
  cols: number,
  pace: Pace,
): Promise<Float64Array<ArrayBuffer>> {
  out.fill(0);
  await addProduct(view(out, cols), view(x, cols), view(m, cols), rows, cols, cols, 1, pace);
  return out;
}

/** The budget: how many entries of the whole matrix stay, or K of every M. */
type Keep = number | GroupPattern;

function budget({ rows, cols, rate, exactBudget, pattern }: MatrixJob): Keep {
  if (pattern !== 'free') return pattern;
  const total = rows * cols;
  if (exactBudget || rate <= 0) return total - Math.floor(total * Math.max(rate, 0));
  // As NumPy rounds, halves to even.
  const exact = (1 - rate) * total;
  const rounded = Math.round(exact);
  return rounded - exact === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded;
}

/** 1 for the entries of largest magnitude; of equal ones the first go. */
function top(values: Float64Array, keep: Keep): Uint8Array {
  if (typeof keep !== 'number') return topOfGroups(values, keep);
  const support = new Uint8Array(values.length);
  const gone = values.length - keep;
  if (keep <= 0) return support;
  if (gone <= 0) return support.fill(1);
  const limit = kthMagnitude(values, gone - 1);
  let kept = 0;
  for (let i = 0; i < values.length; i++) kept += support[i] = Number(Math.abs(values[i] as number) > limit);
  for (let i = values.length - 1; kept < keep && i >= 0; i--)
    if (Math.abs(values[i] as number) === limit) kept += support[i] = 1;
  return support;
}

function topOfGroups(values: Float64Array, { keep, group }: GroupPattern): Uint8Array {
  const support = new Uint8Array(values.length);
  for (let first = 0; first < values.length; first += group) {
    for (let i = first; i < first + group; i++) {
      const own = Math.abs(values[i] as number);
      let before = 0;
      for (let j = first; j < first + group; j++) {
        const other = Math.abs(values[j] as number);
        if (other < own || (other === own && j < i)) before++;
      }
      support[i] = before < group - keep ? 0 : 1;
    }
  }
  return support;
}

function restrict(values: Float64Array, support: Uint8Array): void {
  for (let i = 0; i < values.length; i++) if (support[i] === 0) values[i] = 0;
}

async function admm(
  problem: Problem,
  job: MatrixJob,
): Promise<{ b: Float64Array<ArrayBuffer>; keep: Keep; iterations: number }> {
  const { rows, cols, dense, target } = problem;
  const { pace, params } = job;
  const keep = budget(job);
  const kept = typeof keep === 'number' ? keep : (rows * cols * keep.keep) / keep.group;
  const most = numberParam(params, 'maxIterations');
  const b = dense.slice();
  if (kept === 0 || most === 0) return { b, keep, iterations: 0 };
  const start = dense.slice();
  restrict(start, top(start, keep));
  const z = start.slice();
  const v = new Float64Array(b.length);
  const rhs = new Float64Array(b.length);
  const last = new Uint8Array(b.length);
  changes(last, z);
  let rho = numberParam(params, 'rho');
  let inverse = await shiftedInverse(problem, rho, pace);
  let grown = false;
  let iterations = 0;
  while (inverse && iterations < most) {
    rightSide(rhs, target, v, z, rho);
    await multiply(b, rhs, inverse, rows, cols, pace);
    addScaled(z, b, v, 1 / rho);
    restrict(z, top(z, keep));
    ascend(v, b, z, rho);
    iterations++;
    await pace.breathe();
    if (iterations % 3 !== 0) continue;
    const changed = changes(last, z);
    if (changed === 0 && grown) break;
    const factor = growth(changed, kept, grown);
    if (changed > 0.005 * kept) grown = true;
    else if (changed > 0 && !grown) {
      b.set(dense);
      z.set(start);
      v.fill(0);
    }
    rho = Math.min(rho * factor, MAX_RHO);
    if (rho < MIN_RHO || (iterations > 30 && changed < 0.0003 * kept)) break;
    inverse = await shiftedInverse(problem, rho, pace);
  }
  if (!inverse)
    job.warn(
      `${job.tensor}: ALPS stopped after ${iterations} iterations, since its matrix is singular at a penalty of ${rho.toPrecision(2)}. Use a higher dampening or rho.`,
    );
  return { b, keep, iterations };
}

// Loops over whole matrices stand alone: inside an asynchronous function they run several times slower.

/** out = Y - V + rho Z. */
function rightSide(
  out: Float64Array,
  target: Float64Array,
  v: Float64Array,
  z: Float64Array,
  rho: number,
): void {
  for (let i = 0; i < out.length; i++)
    out[i] = (target[i] as number) - (v[i] as number) + rho * (z[i] as number);
}

/** out = B + factor V. */
function addScaled(out: Float64Array, b: Float64Array, v: Float64Array, factor: number): void {
  for (let i = 0; i < out.length; i++) out[i] = (b[i] as number) + factor * (v[i] as number);
}

/** V += rho (B - Z). */
function ascend(v: Float64Array, b: Float64Array, z: Float64Array, rho: number): void {
  for (let i = 0; i < v.length; i++) v[i] = (v[i] as number) + rho * ((b[i] as number) - (z[i] as number));
}

/** How many values are 0 and were not, or are not and were; `last` becomes 1 where they are not. */
function changes(last: Uint8Array, values: Float64Array): number {
  let changed = 0;
  for (let i = 0; i < last.length; i++) {
    const now = values[i] === 0 ? 0 : 1;
    if (now === last[i]) continue;
    last[i] = now;
    changed++;
  }
  return changed;
}

/** Of rho, by how many entries of the support changed since the last look. */
function growth(changed: number, kept: number, grown: boolean): number {
  if (changed > 0.1 * kept) return 1.3;
  if (changed > 0.005 * kept) return 1.2;
  return changed > 0 && grown ? 1.1 : 1 / 5;
}

/** (A + rho I)^-1; null where rounding leaves it without one. */
function shiftedInverse(
  { a, cols }: Problem,
  rho: number,
  pace: Pace,
): Promise<Float64Array<ArrayBuffer> | null> {
  const shifted = a.slice();
  for (let i = 0; i < shifted.length; i += cols + 1) shifted[i] = (shifted[i] as number) + rho;
  return positiveInverse(shifted, cols, pace);
}

/** Steps on B A = Y restricted to the support, all rows at once, each with its own step length. */
async function conjugateGradients(
  { rows, cols, a, target }: Problem,
  b: Float64Array,
  support: Uint8Array,
  pace: Pace,
): Promise<void> {
  const image = await multiply(new Float64Array(b.length), b, a, rows, cols, pace);
  const residual = new Float64Array(b.length);
  addScaled(residual, target, image, -1);
  restrict(residual, support);
  const direction = residual.slice();
  const energy = Float64Array.from({ length: rows }, (_, r) => dot(residual, residual, r * cols, cols));
  for (let step = 0; step < CG_STEPS; step++) {
    await multiply(image, direction, a, rows, cols, pace);
    for (let r = 0; r < rows; r++)
      energy[r] = stepRow(b, residual, direction, image, support, r * cols, cols, energy[r] as number);
    await pace.breathe();
  }
}

/** One step of the row from `begin`, whose residual has the squared length `before`; returns it after. */
function stepRow(
  b: Float64Array,
  residual: Float64Array,
  direction: Float64Array,
  image: Float64Array,
  support: Uint8Array,
  begin: number,
  cols: number,
  before: number,
): number {
  const length = before / (dot(direction, image, begin, cols) || TINY);
  for (let i = begin; i < begin + cols; i++) {
    b[i] = (b[i] as number) + length * (direction[i] as number);
    residual[i] = support[i] === 0 ? 0 : (residual[i] as number) - length * (image[i] as number);
  }
  const after = dot(residual, residual, begin, cols);
  const beta = after / (before || TINY);
  for (let i = begin; i < begin + cols; i++)
    direction[i] = (residual[i] as number) + beta * (direction[i] as number);
  return after;
}

function dot(x: Float64Array, y: Float64Array, begin: number, length: number): number {
  let sum = 0;
  for (let i = begin; i < begin + length; i++) sum += (x[i] as number) * (y[i] as number);
  return sum;
}

/** The damped objective should be below that of keeping the largest entries of B0 as they are. */
async function warnIfWorse(
  job: MatrixJob,
  { rows, cols, a, dense }: Problem,
  b: Float64Array,
): Promise<void> {
  const objective = (x: Float64Array): Promise<number> =>
    quadraticForm(
      x.map((y, i) => y - (dense[i] as number)),
      rows,
      a,
      cols,
      job.pace,
    );
  const plain = dense.slice();
  restrict(plain, top(plain, budget(job)));
  const [reached, projected] = [await objective(b), await objective(plain)];
  if (reached > projected)
    job.warn(
      `${job.tensor}: ALPS ends with an error ${(reached / projected).toPrecision(4)} times that of keeping the largest scaled weights.`,
    );
}
