/** Wanda's variant by cumulative scores, and SparseGPT's update under Wanda's mask (Sun et al., arXiv 2306.11695). */
import { keyReader } from '../../ops/scoreKeys';
import { selectRowsCpu } from '../../ops/selectCpu';
import { kthSmallest } from '../linalg/kthSmallest';
import type { Choose, MatrixJob } from '../pruners/define';
import { bytesOf, maskOfScores, statistic } from './common';
import { updateUnder } from './sparsegpt';

/** How close the search comes to the asked sparsity, and how finely it looks. */
const CLOSE = 0.001;

export const prune: Choose = async (job) => {
  const variant = job.params['variant'] === true && job.pattern === 'free';
  const kept = variant ? await maskByShares(job) : maskOfScores(job, 'wanda', 'row');
  return job.params['update'] === 'sparsegpt' ? updateUnder(job, kept) : { kept };
};

/**
 * A row loses the scores that make up at most a share alpha of its sum, ties with the last of them included; one alpha
 * serves the matrix, and bisection finds it. With an exact budget, the weights with the least shares go.
 */
async function maskByShares(job: MatrixJob): Promise<Uint32Array<ArrayBuffer>> {
  const { rows, cols, rate, exactBudget } = job;
  const norms = statistic(job.statistics.norms, job, 'norms');
  const scores = await sortedScores(job, norms);
  const sums = new Float64Array(rows * cols);
  for (let r = 0; r < rows; r++) {
    let sum = 0;
    for (let i = r * cols; i < (r + 1) * cols; i++) sums[i] = sum += scores[i] as number;
  }
  const counts =
    exactBudget || rate <= 0
      ? leastShares(sums, rows, cols, Math.floor(rows * cols * rate))
      : await bisect(job, scores, sums);
  return selectRowsCpu(bytesOf(job.weights), 'F32', rows, cols, norms, counts);
}

/** Ascending in each row, [R, C]: |W| times norm as the selection of plain Wanda rounds it, NaN last. */
async function sortedScores(
  { rows, cols, weights, pace }: MatrixJob,
  norms: Float32Array,
): Promise<Float32Array> {
  const reader = keyReader(bytesOf(weights), 'F32', rows, cols, norms);
  const scores = new Int32Array(rows * cols);
  for (let r = 0; r < rows; r++) {
    reader.read(r);
    scores.set(reader.keys.sort(), r * cols);
    if (r % 64 === 63) await pace.breathe();
  }
  return new Float32Array(scores.buffer);
}

/** How many weights each row loses where the sparsity of the matrix is as asked, or as near as alpha below 0.8 comes. */
async function bisect(
  { rows, cols, rate, pace, tensor, warn }: MatrixJob,
  scores: Float32Array,
  sums: Float64Array,
): Promise<Uint32Array> {
  const counts = new Uint32Array(rows);
  const sparsity = (alpha: number): number => {
    let total = 0;
    for (let r = 0; r < rows; r++) total += counts[r] = countUpTo(scores, sums, r * cols, cols, alpha);
    return total / (rows * cols);
  };
  let [low, alpha, high] = [0, 0.4, 0.8];
  let reached = sparsity(alpha);
  while (Math.abs(reached - rate) > CLOSE && high - low >= CLOSE) {
    if (reached > rate) [alpha, high] = [(alpha + low) / 2, alpha];
    else [alpha, low] = [(alpha + high) / 2, alpha];
    reached = sparsity(alpha);
    await pace.breathe();
  }
  if (Math.abs(reached - rate) > 10 * CLOSE)
    warn(
      `${tensor}: shares of the scores reach a sparsity of ${reached.toFixed(4)}, not ${rate.toFixed(4)}.`,
    );
  return counts;
}

/** Length of the row's start that sums up to at most alpha, together with all ties of its last score. */
function countUpTo(
  scores: Float32Array,
  sums: Float64Array,
  begin: number,
  cols: number,
  alpha: number,
): number {
  const limit = alpha * (sums[begin + cols - 1] as number);
  let low = 0;
  let high = cols;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sums[begin + middle] as number) <= limit) low = middle + 1;
    else high = middle;
  }
  if (low === 0) return 0;
  const last = scores[begin + low - 1];
  while (low < cols && scores[begin + low] === last) low++;
  return low;
}

/** By row, how many of the `count` weights of least (share of the row's sum up to and with the weight, row) it has. */
function leastShares(sums: Float64Array, rows: number, cols: number, count: number): Uint32Array {
  const counts = new Uint32Array(rows);
  if (count === 0) return counts;
  const shares = sums.map((sum, i) => {
    const total = sums[i - (i % cols) + cols - 1] as number;
    return total > 0 ? sum / total : total === 0 ? 0 : Infinity;
  });
  const limit = kthSmallest(shares.slice(), rows * cols, count - 1);
  let ties = count;
  for (let i = 0; i < rows * cols; i++) if ((shares[i] as number) < limit) ties--;
  for (let r = 0; r < rows; r++) {
    let own = 0;
    for (let i = r * cols; i < (r + 1) * cols; i++) {
      const share = shares[i] as number;
      if (share < limit || (share === limit && ties-- > 0)) own++;
    }
    counts[r] = own;
  }
  return counts;
}
