/** What is done to the rates of any method: clamping, exact mean, block means, whole numbers of zeros. */

export interface Clamp {
  lo: number;
  hi: number;
  /** The reference replaces rates that are not positive by `lo` and leaves others below it alone. */
  onlyNotPositive?: boolean;
}

const WHOLE: Clamp = { lo: 0, hi: 1 };

/** Rates brought into their bounds, and how many were outside. */
export function clampRates(
  rates: readonly number[],
  { lo, hi, onlyNotPositive }: Clamp = WHOLE,
): { rates: number[]; clamped: number } {
  let clamped = 0;
  const out = rates.map((rate) => {
    const low = onlyNotPositive ? rate <= 0 : rate < lo;
    if (!low && !(rate > hi)) return rate;
    // Rounding of a formula is no clamping.
    if (Math.min(Math.abs(rate - lo), Math.abs(rate - hi)) > 1e-12) clamped++;
    return low ? lo : hi;
  });
  return { rates: out, clamped };
}

/**
 * Shifts all rates that do not lie at a bound by the same amount until their mean, weighted by `sizes`, is `target`;
 * what reaches a bound stays there and the rest is shifted again. Where every rate lies at a bound, those at the far
 * one move.
 */
export function spreadToMean(
  given: readonly number[],
  sizes: readonly number[],
  target: number,
  clamp: Clamp = WHOLE,
): number[] {
  const lo = Math.min(clamp.lo, target);
  const hi = Math.max(clamp.hi, target);
  const rates = [...given];
  const size = (i: number): number => sizes[i] ?? 0;
  const total = rates.reduce((sum, _, i) => sum + size(i), 0);
  if (total === 0) return rates;
  let free = rates.flatMap((rate, i) => (rate > lo && rate < hi && size(i) > 0 ? [i] : []));
  // Each pass fixes a rate at a bound or ends.
  for (let pass = 0; pass <= 2 * rates.length; pass++) {
    const missing = target * total - rates.reduce((sum, rate, i) => sum + rate * size(i), 0);
    if (Math.abs(missing) <= 1e-12 * total) break;
    if (free.length === 0)
      free = rates.flatMap((rate, i) => (size(i) > 0 && (missing > 0 ? rate < hi : rate > lo) ? [i] : []));
    const shift = missing / free.reduce((sum, i) => sum + size(i), 0);
    free = free.filter((i) => {
      const moved = (rates[i] ?? 0) + shift;
      rates[i] = Math.min(hi, Math.max(lo, moved));
      return moved > lo && moved < hi;
    });
  }
  return rates;
}

/** Mean of the rates weighted by size: the sparsity that the rates ask for. Plain mean when all sizes are 0. */
export function weightedMean(rates: readonly number[], sizes: readonly number[]): number {
  let sum = 0;
  let total = 0;
  rates.forEach((rate, i) => {
    sum += rate * (sizes[i] ?? 0);
    total += sizes[i] ?? 0;
  });
  return total > 0 ? sum / total : rates.reduce((a, b) => a + b, 0) / rates.length;
}

/** Means of per-matrix values in each block, weighted by matrix size, [layers]. */
export function blockMeans(
  perMatrix: readonly number[],
  matrices: readonly { layer: number; count: number }[],
  layers: number,
): number[] {
  const zeros = new Array<number>(layers).fill(0);
  const counts = new Array<number>(layers).fill(0);
  matrices.forEach(({ layer, count }, i) => {
    zeros[layer] = (zeros[layer] ?? 0) + (perMatrix[i] ?? 0) * count;
    counts[layer] = (counts[layer] ?? 0) + count;
  });
  return zeros.map((z, i) => z / (counts[i] || 1));
}

/**
 * Rates of matrices whose zeros add up to round(target * all weights), by cumulated rounding, whatever the allocation:
 * floor(count * rate) is the whole number of zeros of each. `target` is the weighted mean of `rates`.
 */
export function wholeZeros(rates: readonly number[], counts: readonly number[], target: number): number[] {
  const total = counts.reduce((sum, n) => sum + n, 0);
  let asked = 0;
  let given = 0;
  return rates.map((rate, k) => {
    const n = counts[k] ?? 0;
    asked += rate * n;
    const upTo = Math.round(k === rates.length - 1 ? target * total : asked);
    const zeros = Math.min(n, Math.max(0, upTo - given));
    given += zeros;
    if (Math.floor(n * rate) === zeros) return rate;
    // A quarter of a weight keeps floor(n * rate) clear of rounding.
    return Math.min(1, (zeros + 0.25) / n);
  });
}

/**
 * Zeros of rows of `cols` weights changed by as little as adds up to `total`: one more or one less in rows that are
 * spread evenly over the matrix.
 */
export function fitRowZeros(rowZeros: Uint32Array, cols: number, total: number): Uint32Array<ArrayBuffer> {
  const out = Uint32Array.from(rowZeros);
  let missing = total - out.reduce((a, b) => a + b, 0);
  const wanted = Math.min(out.length * cols, Math.max(0, total));
  missing += wanted - total;
  while (missing !== 0) {
    const step = Math.sign(missing);
    const open = [...out.keys()].filter((r) => (step > 0 ? (out[r] ?? 0) < cols : (out[r] ?? 0) > 0));
    const changed = Math.min(open.length, Math.abs(missing));
    for (let k = 0; k < changed; k++) {
      const r = open[Math.floor((k * open.length) / changed)] ?? 0;
      out[r] = (out[r] ?? 0) + step;
    }
    missing -= step * changed;
  }
  return out;
}
