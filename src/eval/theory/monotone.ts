/** Theorem 3.1: what curves of error over sparsity say. */
import type { LayerCurve, MonotoneExperiment, Verdict } from '../../core/theory';
import { many, of, share } from './words';

/** Sums of squares in f32 differ by this much from rounding alone. */
const ROUNDING = 1e-6;
/** Above this share of falling steps the claim does not describe the model. */
const FEW = 0.05;

/** Whether an error falls by more than rounding. */
export function falls(before: number, after: number): boolean {
  return after < before * (1 - ROUNDING);
}

export function monotoneSummary(layers: readonly LayerCurve[]): NonNullable<MonotoneExperiment['summary']> {
  const steps = (curve: readonly (number | null)[]): boolean[] =>
    curve.slice(1).flatMap((after, k) => {
      const before = curve[k] ?? null;
      return before === null || after === null ? [] : [falls(before, after)];
    });
  const matrices = layers.flatMap((layer) => layer.matrices);
  const count = (all: boolean[]): { falling: number; all: number } => ({
    falling: all.filter(Boolean).length,
    all: all.length,
  });
  const inner = matrices.flatMap((m) => m.inner);
  return {
    layerSteps: count(layers.flatMap(({ local }) => steps(local))),
    matrixSteps: count(matrices.flatMap(({ error }) => steps(error))),
    innerSteps: { negative: inner.filter((x) => x < 0).length, all: inner.length },
    rowSteps: {
      violating: matrices.reduce((sum, m) => sum + m.violating.reduce((a, b) => a + b, 0), 0),
      all: matrices.reduce((sum, m) => sum + m.rows * m.violating.length, 0),
    },
  };
}

export function monotoneVerdict(
  layers: readonly LayerCurve[],
  summary: NonNullable<MonotoneExperiment['summary']>,
): Verdict {
  const { layerSteps, matrixSteps, innerSteps, rowSteps } = summary;
  const falling = layerSteps.falling + matrixSteps.falling;
  const all = layerSteps.all + matrixSteps.all;
  const matrices = layers.reduce((sum, { matrices: own }) => sum + own.length, 0);
  const sentences = [
    `From one rate to the next the error rose in ${of(layerSteps.all - layerSteps.falling, layerSteps.all)} steps of ${many(layers.length, 'layer')}, and in ${of(matrixSteps.all - matrixSteps.falling, matrixSteps.all)} steps of ${matrices} matrices.`,
  ];
  const fallen = layers.filter(({ local }) => local.some((x, k) => k > 0 && isFall(local[k - 1] ?? null, x)));
  if (fallen.length > 0)
    sentences.push(`It falls somewhere in ${list(fallen.map(({ layer }) => `layer ${layer + 1}`))}.`);
  sentences.push(
    innerSteps.negative === 0
      ? `The inner product that the proof takes to be positive was never negative in ${innerSteps.all} steps.`
      : `The inner product that the proof takes to be positive was negative in ${of(innerSteps.negative, innerSteps.all)} steps (${share(innerSteps.negative, innerSteps.all)}): there the proof does not apply.`,
  );
  sentences.push(
    rowSteps.violating === 0
      ? 'No single row violates the claim.'
      : `Single rows violate the claim in ${share(rowSteps.violating, rowSteps.all)} of ${rowSteps.all} row steps; their sum hides it.`,
  );
  const holds = all === 0 ? 'open' : falling === 0 ? 'yes' : falling <= FEW * all ? 'partly' : 'no';
  return { holds, text: sentences.join(' ') };
}

function isFall(before: number | null, after: number | null): boolean {
  return before !== null && after !== null && falls(before, after);
}

/** The first few by name. */
export function list(names: readonly string[], most = 5): string {
  const shown = names.slice(0, most).join(', ');
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}
