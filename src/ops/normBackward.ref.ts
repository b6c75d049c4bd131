import { OP_TOLERANCE } from './tolerances';

export interface NormBackwardRef {
  values: Float64Array;
  /** What the rounding of value i scales with. */
  at: (i: number) => NormBackwardPoint;
}

export interface NormBackwardPoint {
  cols: number;
  /** 1 / sqrt(variance or mean square + eps). */
  scale: number;
  /** |weight dy|, its mean over the row, |z| (the normed value), mean |weight dy z|. */
  g: number;
  meanG: number;
  z: number;
  meanGz: number;
  /** What z may be off by, and the mean of |weight dy| times that. */
  off: number;
  meanOff: number;
}

/** f64 reference of the gradient of a norm's input, rows as wide as `weight`. */
export function normBackwardRef(
  x: Float32Array,
  weight: Float32Array,
  dy: Float32Array,
  { kind, eps, offset = 0 }: { kind: 'rms' | 'layer'; eps: number; offset?: number },
): NormBackwardRef {
  const cols = weight.length;
  const values = new Float64Array(x.length);
  const points: NormBackwardPoint[] = [];
  for (let begin = 0; begin < x.length; begin += cols) {
    const row = Array.from(x.subarray(begin, begin + cols));
    const average = (f: (c: number) => number): number => row.reduce((sum, _, c) => sum + f(c), 0) / cols;
    const value = (c: number): number => row[c] ?? NaN;
    const mean = kind === 'layer' ? average(value) : 0;
    const scale = 1 / Math.sqrt(average((c) => (value(c) - mean) ** 2) + eps);
    const z = (c: number): number => (value(c) - mean) * scale;
    const g = (c: number): number => (offset + (weight[c] ?? NaN)) * (dy[begin + c] ?? NaN);
    const [plain, along] = [kind === 'layer' ? average(g) : 0, average((c) => g(c) * z(c))];
    const size = average((c) => Math.abs(value(c)));
    const spread = average((c) => Math.abs(value(c) - mean));
    const off = (c: number): number =>
      kind === 'layer'
        ? OP_TOLERANCE.layerNorm({ cols, size, spread, gain: scale, normed: z(c), bias: 0 }, 0)
        : OP_TOLERANCE.rmsNorm(cols, z(c), 0);
    const shared = {
      cols,
      scale,
      meanG: kind === 'layer' ? average((c) => Math.abs(g(c))) : 0,
      meanGz: average((c) => Math.abs(g(c) * z(c))),
      meanOff: average((c) => Math.abs(g(c)) * off(c)),
    };
    for (let c = 0; c < cols; c++) {
      values[begin + c] = scale * (g(c) - plain - z(c) * along);
      points.push({ ...shared, g: Math.abs(g(c)), z: Math.abs(z(c)), off: off(c) });
    }
  }
  return {
    values,
    at: (i) => {
      const point = points[i];
      if (!point) throw new Error(`there is no value ${i}`);
      return point;
    },
  };
}
