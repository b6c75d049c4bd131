/** f64 reference: rows of `table` [*, cols] picked by id. */
export function embedRef(table: ArrayLike<number>, cols: number, ids: ArrayLike<number>): Float64Array {
  const out = new Float64Array(ids.length * cols);
  for (let t = 0; t < ids.length; t++) {
    for (let c = 0; c < cols; c++) out[t * cols + c] = table[Number(ids[t]) * cols + c] ?? NaN;
  }
  return out;
}
