/** Reference: f64 sums of squares of the columns of x [rows, cols] over chunks of rows, [chunks, cols]. */
export function columnEnergyRef(x: Float32Array, cols: number, rowsPerChunk: number): Float64Array {
  const rows = x.length / cols;
  const out = new Float64Array(Math.ceil(rows / rowsPerChunk) * cols);
  for (let i = 0; i < x.length; i++) {
    const at = Math.floor(Math.floor(i / cols) / rowsPerChunk) * cols + (i % cols);
    out[at] = (out[at] ?? 0) + (x[i] ?? 0) ** 2;
  }
  return out;
}
