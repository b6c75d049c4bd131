/** Theorem 3.2 and its lemma: the bound by the smallest singular value, and what it is worth. */
import type { LayerErrors } from '../../core/report';
import type { BoundExperiment, MatrixBound, Verdict } from '../../core/theory';
import { median } from './statistics';
import { figure, of, share } from './words';

/** Sums over the outputs and inputs of one matrix W [rows, cols], pruned W~, input X dense and X~ in the pruned model. */
export interface BoundSums {
  matrix: string;
  rows: number;
  cols: number;
  /** Of W~^T W~, the smallest eigenvalue and the largest; not used where rows < cols. */
  smallest: number;
  largest: number;
  /** ||X - X~||^2, ||W X - W~ X~||^2, ||(W - W~) X||^2, ||W~ (X - X~)||^2, and the cross term of the last two. */
  inputError: number;
  error: number;
  first: number;
  second: number;
  cross: number;
}

/** The lemma needs as many outputs as inputs; an eigenvalue within rounding of 0 is 0. */
export function matrixBound(s: BoundSums): MatrixBound {
  const { matrix, rows, cols, inputError, error, first, second, cross } = s;
  const wide = rows < cols;
  const singular = s.smallest <= cols * Number.EPSILON * s.largest;
  const squared = wide || singular ? 0 : s.smallest;
  const bound = squared * inputError;
  const sum = first + second;
  return {
    matrix,
    rows,
    cols,
    sigmaMin: Math.sqrt(squared),
    inputError,
    bound,
    error,
    ratio: error > 0 ? bound / error : null,
    vacuous: wide ? 'wide' : inputError === 0 ? 'same input' : singular ? 'singular' : null,
    first,
    second,
    cross,
    crossShare: sum > 0 ? Math.abs(2 * cross) / sum : null,
  };
}

/** c_i = E_inh(i) / E_cum(i - 1), [layers]; null for the first layer, and where a sum is missing or 0. */
export function gainsOf(errors: readonly LayerErrors[]): (number | null)[] {
  return errors.map(({ inherited }, i) => {
    const before = errors[i - 1]?.cumulative ?? null;
    return before === null || before === 0 || inherited === null ? null : inherited / before;
  });
}

export function knownGains(gains: BoundExperiment['gains']): number[] {
  return gains.flatMap(({ gain }) => gain.filter((c) => c !== null));
}

/** Errors and bounds are sums in f32. */
const ROUNDING = 1e-6;
/** A bound below this share of the error says nothing. */
const FAR = 1e-3;

export function boundVerdict({ layers, gains }: Pick<BoundExperiment, 'layers' | 'gains'>): Verdict {
  const all = layers.flatMap(({ layer, matrices }) => matrices.map((m) => ({ ...m, layer })));
  const real = all.filter((m) => m.vacuous === null);
  const broken = real.filter((m) => m.error < m.bound * (1 - ROUNDING));
  const count = (why: MatrixBound['vacuous']): number => all.filter((m) => m.vacuous === why).length;
  const sentences = [
    `The bound says nothing for ${of(all.length - real.length, all.length)} matrices: ${count('wide')} have fewer outputs than inputs, ${count('singular')} have a smallest singular value of 0 once pruned, ${count('same input')} see an input without error.`,
  ];
  const ratios = real.flatMap((m) => (m.ratio === null ? [] : [m.ratio]));
  if (real.length > 0) {
    const middle = median(ratios);
    sentences.push(
      `Of the other ${real.length} the error is below its bound in ${broken.length}${
        broken.length > 0
          ? ` (${broken
              .slice(0, 3)
              .map((m) => `${m.matrix} of layer ${m.layer + 1}`)
              .join(', ')}): there the cross term decides`
          : ''
      }; the bound is ${figure(middle)} of the error in the median and ${figure(Math.max(...ratios))} at most.`,
    );
    if (middle < FAR)
      sentences.push('True where it applies, it is too far below the error to say how much is inherited.');
  }
  const crosses = all.flatMap((m) => (m.crossShare === null || m.second === 0 ? [] : [m.crossShare]));
  if (crosses.length > 0)
    sentences.push(
      `The cross term that the theorem drops is ${share(median(crosses), 1)} of the other two together in the median and ${share(Math.max(...crosses), 1)} at most.`,
    );
  const known = knownGains(gains);
  if (known.length > 0)
    sentences.push(
      `The measured gain c_i is above 1 in ${of(known.filter((c) => c > 1).length, known.length)} cases, ${figure(median(known))} in the median.`,
    );
  const holds =
    real.length === 0 ? 'open' : broken.length === 0 ? (median(ratios) < FAR ? 'partly' : 'yes') : broken.length <= 0.05 * real.length ? 'partly' : 'no'; // prettier-ignore
  return { holds, text: sentences.join(' ') };
}
