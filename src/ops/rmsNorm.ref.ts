export interface NormRef {
  values: Float64Array;
  /** The normalised part alone, without bias and residual: what most of the rounding scales with. */
  normed: Float64Array;
}

/** f64 reference of RMSNorm over rows of `cols`. */
export function rmsNormRef(
  x: ArrayLike<number>,
  weight: ArrayLike<number>,
  cols: number,
  options: { eps: number; offset?: number; residual?: ArrayLike<number> },
): NormRef {
  const { eps, offset = 0, residual } = options;
  const normed = new Float64Array(x.length);
  for (let begin = 0; begin < x.length; begin += cols) {
    let sum = 0;
    for (let c = 0; c < cols; c++) sum += Number(x[begin + c]) ** 2;
    const scale = 1 / Math.sqrt(sum / cols + eps);
    for (let c = 0; c < cols; c++)
      normed[begin + c] = Number(x[begin + c]) * scale * (offset + Number(weight[c]));
  }
  return { normed, values: normed.map((value, i) => value + (residual?.[i] ?? 0)) };
}
