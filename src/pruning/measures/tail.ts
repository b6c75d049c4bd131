/** AlphaPruning: exponent of the tail of a matrix's spectrum (arXiv 2410.10912, after WeightWatcher). */

/** Smaller ones count as zero; the logarithm of zero would decide otherwise. */
const SMALLEST_EIGENVALUE = 1e-5;
const BINS = 100;
/** A tail starts near the peak of the histogram. */
const BELOW_PEAK = 0.95;
const ABOVE_PEAK = 1.5;

export interface TailFit {
  alpha: number;
  /** Largest distance between the fitted and the measured distribution. */
  distance: number;
  /** Index of the first eigenvalue of the tail, among those that count. */
  begin: number;
}

/** Left edge of the first of the fullest of 100 bins of log10. */
function peakOf(eigenvalues: Float64Array): number {
  const low = Math.log10(eigenvalues[0] as number);
  const high = Math.log10(eigenvalues[eigenvalues.length - 1] as number);
  const width = (high - low) / BINS;
  if (!(width > 0)) return low;
  const counts = new Uint32Array(BINS);
  for (const value of eigenvalues) {
    const bin = Math.min(BINS - 1, Math.floor((Math.log10(value) - low) / width));
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  return low + counts.indexOf(Math.max(...counts)) * width;
}

/**
 * `spectrum`: squared singular values, ascending. 'middle' starts the tail at index floor(N / 2). `asIntended`
 * compares with 0.95 of the peak itself; the published code compares with its logarithm. null where too few are left.
 */
export function fitTail(
  spectrum: Float64Array,
  { tail, asIntended }: { tail: 'peak' | 'middle'; asIntended: boolean },
): TailFit | null {
  const lam = spectrum.filter((value) => value > SMALLEST_EIGENVALUE);
  const n = lam.length;
  if (n < 2) return null;
  const logs = lam.map(Math.log);
  /** Sum of ln lam_j for j >= i. */
  const rest = new Float64Array(n + 1);
  for (let i = n - 1; i >= 0; i--) rest[i] = (rest[i + 1] ?? 0) + (logs[i] as number);

  const fit = (begin: number): TailFit => {
    const m = n - begin;
    const start = logs[begin] as number;
    const alpha = 1 + m / ((rest[begin] as number) - m * start);
    if (!(alpha > 1) || !Number.isFinite(alpha)) return { alpha, distance: 1, begin };
    let distance = 0;
    for (let k = 0; k < m; k++) {
      const fitted = 1 - Math.exp(((logs[begin + k] as number) - start) * (1 - alpha));
      distance = Math.max(distance, Math.abs(fitted - k / m));
    }
    return { alpha, distance, begin };
  };
  if (tail === 'middle') return finite(fit(Math.floor(n / 2)));

  const peak = 10 ** peakOf(lam);
  const limit = asIntended ? BELOW_PEAK * peak : Math.log10(BELOW_PEAK * peak);
  let best: TailFit | null = null;
  for (let i = 0; i <= n - 2 && (lam[i] as number) <= ABOVE_PEAK * peak; i++) {
    if ((lam[i] as number) < limit) continue;
    const found = fit(i);
    if (!best || found.distance < best.distance) best = found;
  }
  return finite(best);
}

/** Equal eigenvalues give no exponent. */
function finite(fit: TailFit | null): TailFit | null {
  return fit && Number.isFinite(fit.alpha) ? fit : null;
}
