/** f64 reference of the comparison of two streams, from whole logits [targets.length, vocab], straight from its definition. */
export interface CompareRef {
  /** [rows, 4]: KL(dense ‖ pruned), agreement, loss of pruned, loss of dense. */
  values: Float64Array;
  /** E over the dense softmax of |u|, u = (b - a) - E[b - a]: how errors of logits reach KL. */
  deviations: Float64Array;
  /** Largest u of any entry of the vocabulary: beyond 40 the kernels take the plain difference. */
  farthest: Float64Array;
}

interface Softmax {
  p: number[];
  logSum: number;
  /** Lowest id of the largest. */
  top: number;
  finite: boolean;
}

function softmax(logits: readonly number[]): Softmax {
  const highest = Math.max(...logits);
  const sum = logits.reduce((total, x) => total + Math.exp(x - highest), 0);
  return {
    p: logits.map((x) => Math.exp(x - highest) / sum),
    logSum: highest + Math.log(sum),
    top: logits.indexOf(highest),
    finite: logits.every((x) => Number.isFinite(Math.fround(x))),
  };
}

export function headCompareRef(
  dense: ArrayLike<number>,
  pruned: ArrayLike<number>,
  vocab: number,
  targets: ArrayLike<number>,
): CompareRef {
  const rows = targets.length;
  const ref = {
    values: new Float64Array(rows * 4),
    deviations: new Float64Array(rows),
    farthest: new Float64Array(rows),
  };
  for (let r = 0; r < rows; r++) {
    const target = targets[r] ?? 0;
    if (target === 0xffffffff) continue;
    const rowOf = (x: ArrayLike<number>): number[] =>
      Array.from({ length: vocab }, (_, c) => Number(x[r * vocab + c]));
    const [a, b] = [rowOf(dense), rowOf(pruned)];
    const [p, q] = [softmax(a), softmax(b)];
    const mean = p.p.reduce((sum, weight, c) => sum + weight * ((b[c] ?? 0) - (a[c] ?? 0)), 0);
    const u = a.map((x, c) => (b[c] ?? 0) - x - mean);
    const kl = p.p.reduce(
      (sum, weight, c) => sum + weight * ((a[c] ?? 0) - p.logSum - ((b[c] ?? 0) - q.logSum)),
      0,
    );
    const both = p.finite && q.finite;
    ref.values.set(
      [
        both ? kl : NaN,
        both && p.top === q.top ? 1 : 0,
        q.finite ? q.logSum - (b[target] ?? 0) : NaN,
        p.finite ? p.logSum - (a[target] ?? 0) : NaN,
      ],
      r * 4,
    );
    ref.deviations[r] = p.p.reduce((sum, weight, c) => sum + weight * Math.abs(u[c] ?? 0), 0);
    ref.farthest[r] = u.reduce((most, x) => Math.max(most, x), 0);
  }
  return ref;
}
