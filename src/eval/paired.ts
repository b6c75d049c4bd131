/**
 * Paired comparison of two perplexities measured on the same windows. The difference of the per-window mean losses is
 * a sample of size K; its Student t interval, exponentiated, is an interval for the ratio of the two perplexities.
 */

export interface PairedComparison {
  /** perplexity(a) / perplexity(b); below 1 means that a is better. */
  ratio: number;
  /** Bounds of the interval for the ratio; null when there are fewer than two windows. */
  low: number | null;
  high: number | null;
  windows: number;
  /** False when the interval holds 1, or there is none. */
  distinguishable: boolean;
}

/**
 * Compares losses `a` against `b`, both [windows] in nats, paired by index. `confidence` is two-sided.
 * Returns null when the lengths differ, there is no window, or a loss is not finite.
 */
export function comparePaired(
  a: readonly number[],
  b: readonly number[],
  confidence = 0.95,
): PairedComparison | null {
  const windows = a.length;
  if (windows === 0 || windows !== b.length) return null;
  const differences = a.map((loss, k) => loss - (b[k] as number));
  if (!differences.every(Number.isFinite)) return null;
  const mean = differences.reduce((sum, d) => sum + d, 0) / windows;
  const ratio = Math.exp(mean);
  if (windows < 2) return { ratio, low: null, high: null, windows, distinguishable: false };
  const variance = differences.reduce((sum, d) => sum + (d - mean) ** 2, 0) / (windows - 1);
  const half = studentQuantile((1 + confidence) / 2, windows - 1) * Math.sqrt(variance / windows);
  return {
    ratio,
    low: Math.exp(mean - half),
    high: Math.exp(mean + half),
    windows,
    distinguishable: Math.abs(mean) > half,
  };
}

/** Quantile of Student's t, p in (0, 1), by bisection on its distribution function; about 1e-12 relative. */
export function studentQuantile(p: number, degrees: number): number {
  if (p === 0.5) return 0;
  if (p < 0.5) return -studentQuantile(1 - p, degrees);
  // In the tail probability q = 1 - p: x = degrees / (degrees + t^2) solves I_x(degrees / 2, 1 / 2) = 2 q.
  const tail = 2 * (1 - p);
  let low = 0;
  let high = 1;
  for (let i = 0; i < 200 && high - low > high * 1e-15; i++) {
    const x = (low + high) / 2;
    if (regularizedBeta(x, degrees / 2, 0.5) < tail) low = x;
    else high = x;
  }
  const x = (low + high) / 2;
  return Math.sqrt((degrees * (1 - x)) / x);
}

/** I_x(a, b) by Lentz's evaluation of the continued fraction (Abramowitz and Stegun 26.5.8). */
function regularizedBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  // The fraction converges fast on this side only; the other side follows by symmetry.
  if (x > (a + 1) / (a + b + 2)) return 1 - regularizedBeta(1 - x, b, a);
  const front = Math.exp(a * Math.log(x) + b * Math.log1p(-x) + logGamma(a + b) - logGamma(a) - logGamma(b));
  const tiny = 1e-300;
  let c = 1;
  let d = 1 / guard(1 - ((a + b) * x) / (a + 1), tiny);
  let fraction = d;
  for (let m = 1; m < 300; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / guard(1 + even * d, tiny);
    c = guard(1 + even / c, tiny);
    fraction *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / guard(1 + odd * d, tiny);
    c = guard(1 + odd / c, tiny);
    fraction *= d * c;
    if (Math.abs(d * c - 1) < 1e-16) break;
  }
  return (front * fraction) / a;
}

function guard(value: number, tiny: number): number {
  return Math.abs(value) < tiny ? tiny : value;
}

/** ln Gamma(x), x > 0: shifted upward by the recurrence, then Stirling's series. */
function logGamma(x: number): number {
  let shift = 0;
  let z = x;
  while (z < 12) {
    shift += Math.log(z);
    z += 1;
  }
  const r = 1 / (z * z);
  const series = (1 / 12 - r * (1 / 360 - r * (1 / 1260 - r * (1 / 1680 - r / 1188)))) / z;
  return (z - 0.5) * Math.log(z) - z + 0.5 * Math.log(2 * Math.PI) + series - shift;
}
