/** Lab theory: kappa from the layers' own errors, c from the gains, and the beta that follows. */
import type { CurveRow, LabTheoryExperiment, Verdict } from '../../core/theory';
import { median } from './statistics';
import { figure, many, of } from './words';

type Layers = LabTheoryExperiment['layers'];
type Fit = NonNullable<LabTheoryExperiment['fit']>;
type Assumptions = NonNullable<LabTheoryExperiment['assumptions']>;

interface Point {
  s: number;
  /** ln of the error. */
  y: number;
}

function pointsOf(local: readonly (number | null)[], rates: readonly number[]): Point[] {
  return local.flatMap((error, k) => {
    const s = rates[k];
    return error !== null && error > 0 && s !== undefined ? [{ s, y: Math.log(error) }] : [];
  });
}

/** Sums of squares around the means. */
function moments(points: readonly Point[]): { ss: number; sy: number; yy: number } {
  const n = points.length;
  const s = points.reduce((sum, p) => sum + p.s, 0) / n;
  const y = points.reduce((sum, p) => sum + p.y, 0) / n;
  return points.reduce(
    (sum, p) => ({
      ss: sum.ss + (p.s - s) ** 2,
      sy: sum.sy + (p.s - s) * (p.y - y),
      yy: sum.yy + (p.y - y) ** 2,
    }),
    { ss: 0, sy: 0, yy: 0 },
  );
}

/** Least squares of ln E = a_i + kappa s: one slope for all layers, an intercept for each. null without enough points. */
export function fitKappa(
  layers: Layers,
  rates: readonly number[],
): { kappa: number; r2: number; kappas: (number | null)[] } | null {
  const own = layers.map(({ local }) => {
    const points = pointsOf(local, rates);
    return points.length < 2 ? null : moments(points);
  });
  const all = own.reduce<{ ss: number; sy: number; yy: number }>(
    (sum, m) => (m ? { ss: sum.ss + m.ss, sy: sum.sy + m.sy, yy: sum.yy + m.yy } : sum),
    { ss: 0, sy: 0, yy: 0 },
  );
  if (!(all.ss > 0 && all.yy > 0)) return null;
  return {
    kappa: all.sy / all.ss,
    r2: (all.sy * all.sy) / (all.ss * all.yy),
    kappas: own.map((m) => (m ? m.sy / m.ss : null)),
  };
}

/** Smallest mean perplexity among beta >= 0, the smaller beta on a tie; null where none is finite. */
export function bestOf(curve: readonly CurveRow[]): { beta: number; perplexity: number } | null {
  let best: { beta: number; perplexity: number } | null = null;
  for (const { beta, mean } of curve)
    if (beta >= 0 && mean !== null && (!best || mean < best.perplexity)) best = { beta, perplexity: mean };
  return best;
}

/** null where there is no gain, or nothing to fit. */
export function labFit(
  { layers, rates, gains, curve }: Pick<LabTheoryExperiment, 'layers' | 'rates' | 'gains' | 'curve'>,
  betaMax: number | null,
): Fit | null {
  const slope = fitKappa(layers, rates);
  const known = gains.flatMap(({ gain }) => gain.filter((c) => c !== null && c > 0) as number[]);
  if (!slope || known.length === 0) return null;
  const c = median(known);
  return {
    ...slope,
    c,
    predicted: Math.log(c) / slope.kappa,
    measured: bestOf(curve)?.beta ?? null,
    betaMax,
  };
}

const extent = (values: readonly number[]): [number, number] => [Math.min(...values), Math.max(...values)];

/** null where the errors at the target are not all known. */
export function assumptionsOf(
  { layers, rates, gains }: Pick<LabTheoryExperiment, 'layers' | 'rates' | 'gains'>,
  kappas: readonly (number | null)[],
  target: number,
): Assumptions | null {
  const atRate = rates.reduce((a, b) => (Math.abs(b - target) < Math.abs(a - target) ? b : a), rates[0] ?? 0);
  const k = rates.indexOf(atRate);
  const local = layers.flatMap((l) => l.local[k] ?? []);
  const relative = layers.flatMap((l) => {
    const error = l.local[k] ?? null;
    return error === null || l.dense === null || l.dense === 0 ? [] : [error / l.dense];
  });
  const slopes = kappas.filter((x) => x !== null);
  const known = gains.flatMap(({ gain }) => gain.filter((c) => c !== null));
  if (
    local.length < layers.length ||
    relative.length < layers.length ||
    slopes.length === 0 ||
    known.length === 0
  )
    return null;
  const [least, most] = extent(local);
  const [leastShare, mostShare] = extent(relative);
  const [kappaMin, kappaMax] = extent(slopes);
  const [gainMin, gainMax] = extent(known);
  return {
    atRate,
    localRatio: most / least,
    relativeRatio: mostShare / leastShare,
    kappaMin,
    kappaMax,
    above: known.filter((c) => c > 1).length,
    gains: known.length,
    gainMin,
    gainMax,
  };
}

/** Layers whose errors differ by more than this are not alike. */
const ALIKE = 2;

export function labVerdict(
  fit: Fit | null,
  assumptions: Assumptions | null,
  step: number,
  layers: number,
): Verdict {
  if (!fit || !assumptions)
    return {
      holds: 'open',
      text: 'The errors or the gains of this model are not all finite: nothing can be fitted.',
    };
  const { kappa, r2, c, predicted, measured, betaMax } = fit;
  const a = assumptions;
  const alike = a.localRatio <= ALIKE && a.relativeRatio <= ALIKE;
  const sentences = [
    `kappa is ${figure(kappa)} (the fit explains ${figure(100 * r2)} % of the variance of ln E inside the layers) and c is ${figure(c)}, so beta* = ln(c) / kappa = ${figure(predicted)}${betaMax !== null && Math.abs(predicted) > betaMax ? `, beyond the legal ${figure(betaMax)}` : ''}; the best measured beta is ${measured === null ? 'none' : figure(measured)} (grid step ${figure(step)}).`,
    alike
      ? `The layers are alike within a factor of ${ALIKE}: their own errors at ${figure(a.atRate)} differ by a factor of ${figure(a.localRatio)}.`
      : `The layers are not alike: at ${figure(a.atRate)} their own errors differ by a factor of ${figure(a.localRatio)} (${figure(a.relativeRatio)} relative to their outputs), their slopes lie between ${figure(a.kappaMin)} and ${figure(a.kappaMax)}.`,
    `c_i is above 1 in ${of(a.above, a.gains)} cases over ${many(layers, 'layer')}, from ${figure(a.gainMin)} to ${figure(a.gainMax)}${c <= 1 ? '; at a median of at most 1 the theory asks for no increase at all' : ''}.`,
  ];
  if (measured === null) return { holds: 'open', text: sentences.join(' ') };
  const near = Math.abs(predicted - measured) <= step * (1 + 1e-9);
  sentences.push(
    near
      ? `The prediction is within one step of the grid${alike && a.above === a.gains ? '' : ', though an assumption behind it fails'}.`
      : `The prediction misses the measured best by ${figure(Math.abs(predicted - measured) / step)} steps.`,
  );
  return {
    holds: near ? (alike && a.above === a.gains ? 'yes' : 'partly') : 'no',
    text: sentences.join(' '),
  };
}
