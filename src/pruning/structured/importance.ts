/** How much a group matters: |w * dL/dw| (first-order Taylor, arXiv 2305.11627), or |w|, summed over its weights. */
import type { Pace } from '../pruners/define';
import type { GroupFamily } from './groups';

export interface ScoredMatrix {
  rows: number;
  cols: number;
  /** Row-major [rows, cols]. */
  weights: Float32Array;
  /** dL/dw, the same layout; absent: |w| alone. */
  gradient?: Float32Array | undefined;
}

/** Rows between two chances for others to have the thread. */
const ROWS_AT_ONCE = 256;

/** Importance of every group, f64. */
export async function groupImportance(
  family: GroupFamily,
  matrices: Readonly<Record<string, ScoredMatrix>>,
  pace?: Pace,
): Promise<Float64Array> {
  const sums = new Float64Array(family.count);
  for (const { matrix, axis, perGroup, line } of family.members) {
    const scored = matrices[matrix];
    if (!scored) throw new Error(`there is no matrix ${matrix}`);
    const lines = await lineSums(scored, axis, pace);
    for (let i = 0; i < family.count * perGroup; i++) {
      const g = Math.floor(i / perGroup);
      sums[g] = (sums[g] ?? 0) + (lines[line(i)] ?? 0);
    }
  }
  return sums;
}

/** Sums of |w * g| (or |w|) over each row or column. */
async function lineSums(m: ScoredMatrix, axis: 'rows' | 'cols', pace?: Pace): Promise<Float64Array> {
  const { rows, cols, weights, gradient } = m;
  const out = new Float64Array(axis === 'rows' ? rows : cols);
  for (let r = 0; r < rows; r++) {
    if (pace && r % ROWS_AT_ONCE === 0) await pace.breathe();
    for (let c = 0, at = r * cols; c < cols; c++, at++) {
      const score = Math.abs((weights[at] as number) * (gradient ? (gradient[at] as number) : 1));
      const to = axis === 'rows' ? r : c;
      out[to] = (out[to] as number) + score;
    }
  }
  return out;
}
