/** Jobs for pruners that choose matrix by matrix, made from weights and inputs. */
import type { MatrixJob, MatrixStatistics } from '../pruning/pruners/define';

/** Statistics of inputs [tokens, cols], which are `sequences` sequences of equal length, from the definitions in f64. */
export function statisticsOf(
  inputs: Float64Array,
  cols: number,
  sequences: number,
): Required<Omit<MatrixStatistics, 'gradient'>> {
  const tokens = inputs.length / cols;
  const length = tokens / sequences;
  const gram = new Float32Array(cols * cols);
  const norms = new Float32Array(cols);
  const mean = new Float64Array(cols);
  const variance = new Float64Array(cols);
  const at = (t: number, c: number): number => inputs[t * cols + c] ?? NaN;
  for (let a = 0; a < cols; a++) {
    for (let b = 0; b < cols; b++) {
      let sum = 0;
      for (let t = 0; t < tokens; t++) sum += at(t, a) * at(t, b);
      gram[a * cols + b] = sum;
      if (a === b) norms[a] = Math.sqrt(sum / sequences);
    }
    let total = 0;
    for (let s = 0; s < sequences; s++) {
      let first = 0;
      for (let t = 0; t < length; t++) first += at(s * length + t, a);
      let spread = 0;
      for (let t = 0; t < length; t++) spread += (at(s * length + t, a) - first / length) ** 2;
      total += first;
      variance[a] = (variance[a] ?? 0) + spread / tokens;
    }
    mean[a] = total / sequences;
  }
  return { sequences, tokens, norms, gram, mean, variance };
}

/** A job with the defaults of a free pattern; what it warned of is in `warnings`. */
export function matrixJob(
  job: Pick<MatrixJob, 'rows' | 'cols' | 'weights' | 'statistics'> & Partial<MatrixJob>,
): MatrixJob & { warnings: string[] } {
  const warnings: string[] = [];
  return {
    layer: 0,
    matrix: 'q',
    tensor: 'layers.0.q.weight',
    dtype: 'F32',
    rate: 0.5,
    pattern: 'free',
    exactBudget: false,
    params: {},
    pace: { breathe: () => Promise.resolve() },
    warn: (text) => void warnings.push(text),
    warnings,
    ...job,
  };
}

/** Flat indices that a mask prunes. */
export function prunedOf(kept: Uint32Array, rows: number, cols: number): number[] {
  const perRow = Math.ceil(cols / 32);
  return Array.from({ length: rows * cols }, (_, i) => i).filter((i) => {
    const word = kept[Math.floor(i / cols) * perRow + ((i % cols) >> 5)] ?? 0;
    return ((word >>> ((i % cols) & 31)) & 1) === 0;
  });
}
