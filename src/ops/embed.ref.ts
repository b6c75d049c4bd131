/** f64 reference: rows of `table` [*, cols] picked by id, times `scale`. */
export function embedRef(
  table: ArrayLike<number>,
  cols: number,
  ids: ArrayLike<number>,
  scale = 1,
): Float64Array {
  const out = new Float64Array(ids.length * cols);
  for (let t = 0; t < ids.length; t++) {
    for (let c = 0; c < cols; c++) out[t * cols + c] = (table[Number(ids[t]) * cols + c] ?? NaN) * scale;
  }
  return out;
}
