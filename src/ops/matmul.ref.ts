/** f64 reference of x Wᵀ (+ bias) (+ residual), with the sum of absolute products that bounds f32 rounding. */
export interface MatmulRef {
  values: Float64Array;
  /** Σ|x||w| + |bias| + |residual| of each output. */
  magnitudes: Float64Array;
}

export function matmulRef(
  x: ArrayLike<number>,
  w: ArrayLike<number>,
  k: number,
  extra: { bias?: ArrayLike<number>; residual?: ArrayLike<number> } = {},
): MatmulRef {
  const m = x.length / k;
  const n = w.length / k;
  const values = new Float64Array(m * n);
  const magnitudes = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      let magnitude = 0;
      for (let c = 0; c < k; c++) {
        const product = Number(x[i * k + c]) * Number(w[j * k + c]);
        sum += product;
        magnitude += Math.abs(product);
      }
      for (const term of [extra.bias?.[j], extra.residual?.[i * n + j]]) {
        if (term === undefined) continue;
        sum += term;
        magnitude += Math.abs(term);
      }
      values[i * n + j] = sum;
      magnitudes[i * n + j] = magnitude;
    }
  }
  return { values, magnitudes };
}
