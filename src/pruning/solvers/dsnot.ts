/**
 * DSnoT (Zhang et al., arXiv 2310.08915): a mask is improved by swaps. The expected output that a row loses is the sum
 * of m = W * mean input over its pruned weights; each swap gives back the pruned weight that helps most for its
 * variance, and takes the least important kept weight whose m works the same way.
 */
import { keyReader } from '../../ops/scoreKeys';
import type { Choose, MatrixJob } from '../pruners/define';
import { allKept, bytesOf, drop, isKept, maskOfScores, numberParam, statistic, wordsPerRow, zerosByRow } from './common'; // prettier-ignore
import { factorOf } from './sparsegpt';

/** The threshold is that of sequences of this many tokens; sums of inputs grow with their length. */
const USUAL_LENGTH = 2048;
const LEAST_VARIANCE = 1e-8;

export const prune: Choose = async (job) => {
  const initial = await initialMask(job);
  const { kept } = initial;
  const mlp = !ATTENTION.has(job.matrix);
  if (mlp && job.params['skipMlp'] === true) return { kept };
  const { rows, cols, statistics, pattern, params, weights, pace } = job;
  const mean = statistic(statistics.mean, job, 'means');
  const variance = statistic(statistics.variance, job, 'variances');
  const wanda = keyReader(bytesOf(weights), 'F32', rows, cols, statistic(statistics.norms, job, 'norms'));
  const rule: SwapRule = {
    cycles: numberParam(params, 'maxCycles'),
    threshold: (numberParam(params, 'threshold') * (statistics.tokens / statistics.sequences)) / USUAL_LENGTH,
    keepsSign: pattern !== 'free' || params['withoutSameSign'] !== true,
    group: pattern === 'free' ? null : pattern.group,
  };
  let swaps = 0;
  const perRow = wordsPerRow(cols);
  const moved = new Float64Array(cols);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < cols; c++) moved[c] = (weights[r * cols + c] as number) * (mean[c] as number);
    wanda.read(r);
    const row: Row = {
      moved,
      gains: (c) => (moved[c] as number) / ((variance[c] as number) || LEAST_VARIANCE),
      // Among all of a row Wanda's score decides what goes; inside a group, the score of the first mask.
      score: (c) => (rule.group === null ? (wanda.keys[c] as number) : initial.score(r, c)),
      pruned: (c) => !isKept(kept, perRow, r, c),
    };
    for (const [grown, gone] of swapsOf(row, rule)) {
      restore(kept, perRow, r, grown);
      drop(kept, perRow, r, gone);
      swaps++;
    }
    if (r % 16 === 15) await pace.breathe();
  }
  return { kept, solver: { iterations: swaps } };
};

/** Of all architectures, fused or not; whatever else a block has is its MLP. */
const ATTENTION = new Set(['q', 'k', 'v', 'o', 'qkv']);

interface InitialMask {
  kept: Uint32Array<ArrayBuffer>;
  /** What the mask compared; good for the row asked last and, in it, for any column. */
  score(r: number, c: number): number;
}

async function initialMask(job: MatrixJob): Promise<InitialMask> {
  const { rows, cols, weights, params, statistics } = job;
  const name = params['initial'];
  if (name === 'sparsegpt') return hessianMask(job);
  const kind = name === 'magnitude' ? 'magnitude' : 'wanda';
  const norms = kind === 'wanda' ? statistic(statistics.norms, job, 'norms') : null;
  const reader = keyReader(bytesOf(weights), 'F32', rows, cols, norms);
  let at = -1;
  const score = (r: number, c: number): number => {
    if (r !== at) reader.read((at = r));
    return reader.keys[c] as number;
  };
  return { kept: maskOfScores(job, kind, 'row'), score };
}

/** W^2 / diag(U)^2, the scores with which SparseGPT would start, compared inside rows. */
async function hessianMask(job: MatrixJob): Promise<InitialMask> {
  const { rows, cols, weights, pattern, pace } = job;
  const { ut } = await factorOf(job);
  const scale = Float64Array.from({ length: cols }, (_, c) => (ut[c * cols + c] as number) ** 2);
  const score = (r: number, c: number): number =>
    (weights[r * cols + c] as number) ** 2 / (scale[c] as number);
  const kept = allKept(rows, cols);
  const zeros = zerosByRow(job);
  const group = pattern === 'free' ? cols : pattern.group;
  for (let r = 0; r < rows; r++) {
    const due = pattern === 'free' ? (zeros[r] as number) : pattern.group - pattern.keep;
    for (let first = 0; first < cols; first += group) {
      const order = Array.from({ length: group }, (_, j) => first + j);
      order.sort((a, b) => score(r, a) - score(r, b) || a - b);
      for (const c of order.slice(0, due)) drop(kept, wordsPerRow(cols), r, c);
    }
    if (r % 16 === 15) await pace.breathe();
  }
  return { kept, score };
}

interface SwapRule {
  cycles: number;
  /** A row rests once |error| is at most this. */
  threshold: number;
  /** Whether a swap that turns the sign of the first error is refused; the row then rests. */
  keepsSign: boolean;
  /** Swaps stay inside groups of this many columns. */
  group: number | null;
}

interface Row {
  /** m of each column. */
  moved: Float64Array;
  /** m over variance. */
  gains(c: number): number;
  score(c: number): number;
  pruned(c: number): boolean;
}

/** Pairs (grown, pruned) of columns. A row also rests when no candidate of the sign that would help is left. */
function swapsOf({ moved, gains, score, pruned }: Row, rule: SwapRule): [number, number][] {
  let error = 0;
  const gone: number[] = [];
  const stay: number[] = [];
  for (let c = 0; c < moved.length; c++) {
    (pruned(c) ? gone : stay).push(c);
    if (pruned(c)) error += moved[c] as number;
  }
  if (!(Math.abs(error) > rule.threshold)) return [];
  const first = Math.sign(error);
  const positive = (c: number): boolean => (moved[c] as number) > 0;
  const negative = (c: number): boolean => (moved[c] as number) < 0;
  // Queues with the next candidate at the end; equal ones leave from the ends of the stable ascending orders.
  const toGrow = {
    above: gone.filter(positive).sort((a, b) => gains(a) - gains(b) || a - b),
    below: gone.filter(negative).sort((a, b) => gains(b) - gains(a) || b - a),
  };
  const least = (a: number, b: number): number => score(b) - score(a) || b - a;
  const toPrune = { above: stay.filter(negative).sort(least), below: stay.filter(positive).sort(least) };
  const used = new Set<number>();
  const swaps: [number, number][] = [];
  for (let cycle = 0; cycle < rule.cycles && Math.abs(error) > rule.threshold; cycle++) {
    const side = error > 0 ? 'above' : 'below';
    let grown = toGrow[side].pop();
    let taken: number | undefined;
    if (rule.group === null) taken = toPrune[side].pop();
    else
      while (grown !== undefined) {
        taken = leastOfGroup(grown, rule.group, score, (c) => pruned(c) || used.has(c));
        if (taken !== undefined) break;
        grown = toGrow[side].pop();
      }
    if (grown === undefined || taken === undefined) break;
    const after = error + (moved[taken] as number) - (moved[grown] as number);
    if (rule.keepsSign && Math.sign(after) !== first) break;
    error = after;
    used.add(taken);
    swaps.push([grown, taken]);
  }
  return swaps;
}

function leastOfGroup(
  member: number,
  group: number,
  score: (c: number) => number,
  excluded: (c: number) => boolean,
): number | undefined {
  const first = member - (member % group);
  let best: number | undefined;
  for (let c = first; c < first + group; c++)
    if (!excluded(c) && (best === undefined || score(c) < score(best))) best = c;
  return best;
}

function restore(kept: Uint32Array, perRow: number, r: number, c: number): void {
  const at = r * perRow + (c >> 5);
  kept[at] = (kept[at] as number) | (1 << (c & 31));
}
