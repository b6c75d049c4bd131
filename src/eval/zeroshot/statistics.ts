/** Statistics of items that are right or wrong, and of their margins. Everything is exact or a Student t interval. */
import type { Estimate } from '../../core/zeroshot';
import { studentQuantile } from '../paired';

/** Mean and sample standard deviation / sqrt(n). Null where there is no value or one is not finite. */
export function estimate(values: readonly number[]): Estimate | null {
  const n = values.length;
  if (n === 0 || !values.every(Number.isFinite)) return null;
  const mean = values.reduce((a, b) => a + b, 0) / n;
  if (n === 1) return { mean, stderr: null };
  const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (n - 1);
  return { mean, stderr: Math.sqrt(variance / n) };
}

/**
 * Two-sided exact p of `successes` against independent guesses that succeed with the given probabilities (Poisson
 * binomial): the probability of all counts that are no likelier than the one seen.
 */
export function guessingP(successes: number, probabilities: readonly number[]): number {
  const mass = countDistribution(probabilities);
  const seen = mass[successes] ?? 0;
  // Counts that are as likely but for rounding belong to it.
  const limit = seen * (1 + 1e-7);
  let p = 0;
  for (const m of mass) if (m <= limit) p += m;
  return Math.min(1, p);
}

/** Probability of each count of successes, [n + 1]. */
function countDistribution(probabilities: readonly number[]): Float64Array {
  const mass = new Float64Array(probabilities.length + 1);
  mass[0] = 1;
  probabilities.forEach((p, done) => {
    for (let k = done + 1; k > 0; k--) mass[k] = (mass[k] ?? 0) * (1 - p) + (mass[k - 1] ?? 0) * p;
    mass[0] = (mass[0] ?? 0) * (1 - p);
  });
  return mass;
}

/** McNemar's exact test: two-sided p of the two discordant counts under a fair coin; 1 where there are none. */
export function mcNemarP(lost: number, gained: number): number {
  return guessingP(lost, new Array<number>(lost + gained).fill(0.5));
}

/** Mean of paired differences with its two-sided Student t interval; null as `estimate`. */
export function pairedMean(
  differences: readonly number[],
  confidence = 0.95,
): { mean: number; low: number | null; high: number | null; distinguishable: boolean } | null {
  const found = estimate(differences);
  if (!found) return null;
  const { mean, stderr } = found;
  if (stderr === null) return { mean, low: null, high: null, distinguishable: false };
  const half = studentQuantile((1 + confidence) / 2, differences.length - 1) * stderr;
  return { mean, low: mean - half, high: mean + half, distinguishable: Math.abs(mean) > half };
}
