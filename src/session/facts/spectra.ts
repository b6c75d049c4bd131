/** Spectra of the dense matrices and the exponents of their tails. No text is needed. */
import { ALPHA_AS_INTENDED, ALPHA_TAIL } from '../../pruning/allocations/alphapruning';
import { symmetricEigenvalues } from '../../pruning/linalg/eigen';
import { fitTail } from '../../pruning/measures/tail';
import type { Pace } from '../../pruning/pruners/define';
import type { Engine } from '../engine';
import { weightsOf, type FactContext, type Found } from './context';

/** Squared singular values of every prunable matrix, once per loaded model. */
const known = new WeakMap<Engine, Float64Array[]>();

/** Exponent of each matrix, null where its spectrum gives none. */
export async function alphas(context: FactContext): Promise<Found<(number | null)[]>> {
  const { params } = context.plan;
  const tail = params[ALPHA_TAIL.name] === 'middle' ? 'middle' : 'peak';
  const asIntended = params[ALPHA_AS_INTENDED.name] === true;
  const spectra = await spectraOf(context);
  return { value: spectra.map((spectrum) => fitTail(spectrum, { tail, asIntended })?.alpha ?? null) };
}

async function spectraOf(context: FactContext): Promise<Float64Array[]> {
  const { engine, meter, pace } = context;
  const found = known.get(engine);
  if (found) return found;
  const { prunable } = engine.model.plan;
  const cost = (m: { rows: number; cols: number }): number => {
    const [short, long] = [Math.min(m.rows, m.cols), Math.max(m.rows, m.cols)];
    return (short * short * (long + short)) / 1e6;
  };
  meter.total(prunable.reduce((sum, m) => sum + cost(m), 0));
  const spectra: Float64Array[] = [];
  for (const [k, m] of prunable.entries()) {
    spectra.push(await squaredSingularValues(await weightsOf(context, k), m.rows, m.cols, pace));
    meter.add(cost(m));
  }
  known.set(engine, spectra);
  return spectra;
}

/** Ascending, [min(rows, cols)]: eigenvalues of the Gram matrix of the smaller side, in f64. */
export async function squaredSingularValues(
  weights: Float32Array,
  rows: number,
  cols: number,
  pace: Pace,
): Promise<Float64Array> {
  const n = Math.min(rows, cols);
  const gram = new Float64Array(n * n);
  if (rows <= cols) {
    for (let i = 0; i < n; i++) {
      for (let j = 0; j <= i; j++) {
        let sum = 0;
        for (let a = i * cols, b = j * cols, end = a + cols; a < end; a++, b++)
          sum += (weights[a] as number) * (weights[b] as number);
        gram[i * n + j] = sum;
      }
      await pace.breathe();
    }
  } else {
    for (let r = 0; r < rows; r++) {
      for (let i = 0; i < n; i++) {
        const x = weights[r * cols + i] as number;
        for (let j = 0; j <= i; j++)
          gram[i * n + j] = (gram[i * n + j] as number) + x * (weights[r * cols + j] as number);
      }
      await pace.breathe();
    }
  }
  return symmetricEigenvalues(gram, n, pace);
}
