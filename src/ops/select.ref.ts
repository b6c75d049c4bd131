/** References for masks: scores by the definition in f64, then a plain sort. Slow and obvious. */
import type { MatrixRule, GroupPattern } from './selectRules';

const MIN_NORMAL = 2 ** -126;

function flushed(value: number): number {
  const magnitude = Math.abs(value);
  return magnitude < MIN_NORMAL ? 0 : magnitude;
}

/** |w| * norm rounded once to 24 bits; whatever is below 2^-126 counts as 0. */
export function scoreRef(weight: number, norm: number): number {
  const exact = flushed(weight) * flushed(norm);
  // Rounding 64 binades higher up keeps 24 bits where f32 itself would round to fewer.
  if (exact < 2 ** -100 && Math.fround(exact * 2 ** 64) < 2 ** -62) return 0;
  return Math.fround(exact);
}

/** Scores of a matrix [rows, cols]. */
export function scoresRef(values: Float32Array, cols: number, norms: Float32Array | null): Float64Array {
  return Float64Array.from(values, (w, i) => scoreRef(w, norms ? (norms[i % cols] ?? NaN) : 1));
}

/** Indices begin..end-1 in stable ascending order, NaN last. */
function ascending(scores: Float64Array, begin: number, end: number): number[] {
  const order = Array.from({ length: end - begin }, (_, i) => begin + i);
  const rank = (i: number): number => {
    const score = scores[i] ?? NaN;
    return Number.isNaN(score) ? Infinity : score;
  };
  const nan = (i: number): number => (Number.isNaN(scores[i]) ? 1 : 0);
  return order.sort((a, b) => nan(a) - nan(b) || (rank(a) === rank(b) ? a - b : rank(a) - rank(b)));
}

/** Mask words, 1 = kept, from the flat indices that are pruned. */
export function maskWords(rows: number, cols: number, pruned: Iterable<number>): Uint32Array {
  const gone = new Set(pruned);
  const wordsPerRow = Math.ceil(cols / 32);
  const words = new Uint32Array(rows * wordsPerRow);
  for (let i = 0; i < rows * cols; i++) {
    const at = Math.floor(i / cols) * wordsPerRow + ((i % cols) >> 5);
    if (!gone.has(i)) words[at] = (words[at] ?? 0) | (1 << ((i % cols) & 31));
  }
  return words;
}

export function rowsRef(scores: Float64Array, cols: number, counts: ArrayLike<number>): Uint32Array {
  const rows = scores.length / cols;
  const pruned = Array.from({ length: rows }, (_, r) =>
    ascending(scores, r * cols, (r + 1) * cols).slice(0, counts[r]),
  );
  return maskWords(rows, cols, pruned.flat());
}

export function matrixRef(scores: Float64Array, cols: number, rule: MatrixRule): Uint32Array {
  const rows = scores.length / cols;
  const order = ascending(scores, 0, scores.length);
  if (rule.rule === 'exact') return maskWords(rows, cols, order.slice(0, rule.count));
  const threshold = scores[order[Math.min(rule.index, order.length - 1)] ?? 0] ?? NaN;
  return maskWords(rows, cols, order.filter((i) => (scores[i] ?? NaN) <= threshold)); // prettier-ignore
}

export function groupsRef(scores: Float64Array, cols: number, { keep, group }: GroupPattern): Uint32Array {
  const pruned: number[] = [];
  for (let begin = 0; begin < scores.length; begin += group) {
    pruned.push(...ascending(scores, begin, begin + group).slice(0, group - keep));
  }
  return maskWords(scores.length / cols, cols, pruned);
}
