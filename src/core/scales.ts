/** Axis ranges and ticks. Pure. */

export interface Axis {
  domain: [number, number];
  ticks: number[];
}

function positive(values: readonly (number | null)[]): number[] {
  return values.filter((value): value is number => value !== null && Number.isFinite(value) && value > 0);
}

/** Whole decades around the values; within one decade, steps of 1-2-5. */
export function logAxis(values: readonly (number | null)[]): Axis {
  const known = positive(values);
  if (known.length === 0) return { domain: [1, 10], ticks: [] };
  const least = Math.min(...known);
  const most = Math.max(...known);
  const low = Math.floor(Math.log10(least) + 1e-9);
  let high = Math.ceil(Math.log10(most) - 1e-9);
  if (high <= low) high = low + 1;
  if (high - low > 1) {
    // A decade whose better part is empty is cut to its half.
    const start = least / 10 ** low >= 3 ? 3 * 10 ** low : 10 ** low;
    const end = most / 10 ** (high - 1) <= 3 ? 3 * 10 ** (high - 1) : 10 ** high;
    const stride = Math.ceil((high - low) / 6);
    const ticks: number[] = [];
    for (let exponent = low; exponent <= high; exponent += stride) ticks.push(10 ** exponent);
    return { domain: [start, end], ticks: ticks.filter((tick) => tick >= start && tick <= end) };
  }
  const steps = [1, 2, 3, 5, 7, 10].map((step) => step * 10 ** low);
  const start = Math.max(...steps.filter((step) => step <= least * (1 + 1e-9)));
  const end = Math.min(...steps.filter((step) => step >= most * (1 - 1e-9)));
  const domain: [number, number] = end > start ? [start, end] : [start, start * 2];
  return { domain, ticks: steps.filter((step) => step >= domain[0] && step <= domain[1]) };
}

/** A linear range with round ticks that holds the values and `include`. */
export function linearAxis(
  values: readonly (number | null)[],
  include: readonly number[] = [],
  count = 5,
): Axis {
  const known = [
    ...values.filter((value): value is number => value !== null && Number.isFinite(value)),
    ...include,
  ];
  if (known.length === 0) return { domain: [0, 1], ticks: [] };
  let low = Math.min(...known);
  let high = Math.max(...known);
  if (high - low < 1e-12 * Math.max(1, Math.abs(high))) {
    low -= Math.abs(low) * 0.1 || 0.5;
    high += Math.abs(high) * 0.1 || 0.5;
  }
  const raw = (high - low) / count;
  const magnitude = 10 ** Math.floor(Math.log10(raw));
  const step = ([1, 2, 2.5, 5, 10].find((factor) => factor * magnitude >= raw) ?? 10) * magnitude;
  const first = Math.floor(low / step + 1e-9);
  const last = Math.ceil(high / step - 1e-9);
  const ticks = Array.from({ length: last - first + 1 }, (_, i) =>
    Number(((first + i) * step).toPrecision(12)),
  );
  return { domain: [ticks[0] ?? low, ticks.at(-1) ?? high], ticks };
}

/** Perplexity spans a few percent or many decades: linear while the largest is within 4 times the smallest. */
export function perplexityAxis(values: readonly (number | null)[]): Axis & { log: boolean } {
  const known = positive(values);
  const log = known.length > 0 && Math.max(...known) > 4 * Math.min(...known);
  if (!log) return { ...linearAxis(known), log };
  const low = Math.min(...known);
  const high = Math.max(...known);
  if (high / low > 1000) return { ...logAxis(known), log };
  // 1-2-5 steps over one to three decades, trimmed to what is there.
  const steps: number[] = [];
  for (let exponent = Math.floor(Math.log10(low)); exponent <= Math.ceil(Math.log10(high)); exponent++) {
    for (const factor of [1, 2, 5]) steps.push(factor * 10 ** exponent);
  }
  const start = Math.max(...steps.filter((step) => step <= low));
  const end = Math.min(...steps.filter((step) => step >= high));
  return { domain: [start, end], ticks: steps.filter((step) => step >= start && step <= end), log };
}

/** Layer numbers worth writing under an axis of that width: always the first and the last. */
export function layerTicks(layers: number, width: number): number[] {
  const room = Math.max(2, Math.floor(width / 44));
  if (layers <= room) return Array.from({ length: layers }, (_, i) => i + 1);
  const stride = [2, 4, 5, 8, 10, 20, 25, 50].find((step) => (layers - 1) / step + 1 <= room) ?? layers - 1;
  const ticks: number[] = [];
  for (let layer = 1; layer < layers; layer += stride) ticks.push(layer);
  if (layers - (ticks.at(-1) ?? 0) < stride * 0.6) ticks.pop();
  return [...ticks, layers];
}
