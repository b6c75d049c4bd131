/** f64 reference of RMSNorm over rows of `cols`. */
export function rmsNormRef(
  x: ArrayLike<number>,
  weight: ArrayLike<number>,
  cols: number,
  eps: number,
): Float64Array {
  const out = new Float64Array(x.length);
  for (let begin = 0; begin < x.length; begin += cols) {
    let sum = 0;
    for (let c = 0; c < cols; c++) sum += Number(x[begin + c]) ** 2;
    const scale = 1 / Math.sqrt(sum / cols + eps);
    for (let c = 0; c < cols; c++) out[begin + c] = Number(x[begin + c]) * scale * Number(weight[c]);
  }
  return out;
}
