/** f64 reference of xᵀ x for x [rows, cols], with the sums of absolute products that bound f32 rounding. */
export interface GramRef {
  /** [cols, cols] */
  values: Float64Array;
  magnitudes: Float64Array;
}

export function gramRef(x: ArrayLike<number>, cols: number): GramRef {
  const values = new Float64Array(cols * cols);
  const magnitudes = new Float64Array(cols * cols);
  for (let row = 0; row < x.length; row += cols) {
    for (let a = 0; a < cols; a++) {
      for (let b = 0; b < cols; b++) {
        const product = Number(x[row + a]) * Number(x[row + b]);
        values[a * cols + b] = Number(values[a * cols + b]) + product;
        magnitudes[a * cols + b] = Number(magnitudes[a * cols + b]) + Math.abs(product);
      }
    }
  }
  return { values, magnitudes };
}
