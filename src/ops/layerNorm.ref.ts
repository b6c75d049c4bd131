import type { LayerNormPoint } from './tolerances';

export interface LayerNormRef {
  values: Float64Array;
  /** What the rounding of value i scales with. */
  at: (i: number) => LayerNormPoint;
}

/** f64 reference of LayerNorm over rows as wide as `weight`, in two passes, with the biased variance. */
export function layerNormRef(
  x: Float32Array,
  weight: Float32Array,
  options: { eps: number; bias?: Float32Array; residual?: Float32Array },
): LayerNormRef {
  const { eps, bias, residual } = options;
  const cols = weight.length;
  const values = new Float64Array(x.length);
  const points: LayerNormPoint[] = [];
  for (let begin = 0; begin < x.length; begin += cols) {
    const row = Float64Array.from(x.subarray(begin, begin + cols));
    const average = (f: (v: number) => number): number => row.reduce((sum, v) => sum + f(v), 0) / cols;
    const mean = average((v) => v);
    const scale = 1 / Math.sqrt(average((v) => (v - mean) ** 2) + eps);
    const of = { cols, size: average(Math.abs), spread: average((v) => Math.abs(v - mean)) };
    row.forEach((v, c) => {
      const gain = scale * (weight[c] ?? NaN);
      const normed = (v - mean) * gain;
      values[begin + c] = normed + (bias?.[c] ?? 0) + (residual?.[begin + c] ?? 0);
      points.push({ ...of, gain: Math.abs(gain), normed, bias: bias?.[c] ?? 0 });
    });
  }
  return {
    values,
    at: (i) => points[i] ?? { cols, size: NaN, spread: NaN, gain: NaN, normed: NaN, bias: NaN },
  };
}
