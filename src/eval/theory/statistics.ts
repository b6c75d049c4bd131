/** Small statistics of the trials: means over seeds with their interval, medians, rank correlation. */
import type { Rng } from '../../core/rng';
import { studentQuantile } from '../paired';

export function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

/** null where one is missing, or there is none. */
export function meanOfAll(values: readonly (number | null)[]): number | null {
  const known = values.filter((v) => v !== null);
  return known.length === 0 || known.length < values.length ? null : mean(known);
}

/** Sum; null where one is missing. */
export function sumOfAll(values: readonly (number | null)[]): number | null {
  return values.reduce<number | null>((sum, v) => (sum === null || v === null ? null : sum + v), 0);
}

/** Standard deviation of a sample; null with fewer than two values. */
export function deviation(values: readonly number[]): number | null {
  if (values.length < 2) return null;
  const m = mean(values);
  return Math.sqrt(values.reduce((sum, v) => sum + (v - m) ** 2, 0) / (values.length - 1));
}

/** Half the width of the 95 % interval of the mean (Student's t); null with fewer than two values. */
export function halfInterval(values: readonly number[]): number | null {
  const sd = deviation(values);
  return sd === null ? null : (studentQuantile(0.975, values.length - 1) * sd) / Math.sqrt(values.length);
}

/** Quantile with linear interpolation between order statistics; NaN of nothing. */
export function quantile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * p;
  const low = sorted[Math.floor(at)] ?? NaN;
  const high = sorted[Math.ceil(at)] ?? NaN;
  return low + (high - low) * (at - Math.floor(at));
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** Ranks from 1, equal values share the mean of theirs. */
export function ranks(values: readonly number[]): number[] {
  const order = values.map((_, i) => i).sort((a, b) => (values[a] ?? 0) - (values[b] ?? 0));
  const out = new Array<number>(values.length).fill(0);
  for (let from = 0; from < order.length;) {
    let to = from;
    while (to + 1 < order.length && values[order[to + 1] ?? 0] === values[order[from] ?? 0]) to++;
    for (let k = from; k <= to; k++) out[order[k] ?? 0] = (from + to) / 2 + 1;
    from = to + 1;
  }
  return out;
}

/** Spearman's rank correlation; null with fewer than three pairs, or where one side is constant. */
export function spearman(x: readonly number[], y: readonly number[]): number | null {
  if (x.length < 3 || x.length !== y.length) return null;
  const [a, b] = [ranks(x), ranks(y)];
  const middle = (x.length + 1) / 2;
  let [xy, xx, yy] = [0, 0, 0];
  a.forEach((rank, i) => {
    const [u, v] = [rank - middle, (b[i] ?? 0) - middle];
    xy += u * v;
    xx += u * u;
    yy += v * v;
  });
  return xx === 0 || yy === 0 ? null : xy / Math.sqrt(xx * yy);
}

const RESAMPLES = 2000;

/** 95 % percentile interval of Spearman's correlation over resampled pairs; null where there is no correlation. */
export function spearmanInterval(
  x: readonly number[],
  y: readonly number[],
  rng: Rng,
): { low: number; high: number } | null {
  if (spearman(x, y) === null) return null;
  const found: number[] = [];
  for (let k = 0; k < RESAMPLES; k++) {
    const picks = x.map(() => rng.below(x.length));
    const of = (values: readonly number[]): number[] => picks.map((i) => values[i] ?? 0);
    const rho = spearman(of(x), of(y));
    // A resample of one repeated point has no correlation.
    if (rho !== null) found.push(rho);
  }
  return found.length > 0 ? { low: quantile(found, 0.025), high: quantile(found, 0.975) } : null;
}
