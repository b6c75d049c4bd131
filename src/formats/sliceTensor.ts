/** Cuts rows and columns out of a tensor's bytes; every byte that stays is the original's. */

/**
 * `bytes` row-major [rows, cols], elements of `elementBytes`. `rows` and `cols` of the result are those listed, ascending;
 * null keeps all.
 */
export function sliceTensor(
  bytes: Uint8Array,
  shape: { rows: number; cols: number },
  elementBytes: number,
  keep: { rows: readonly number[] | null; cols: readonly number[] | null },
): Uint8Array<ArrayBuffer> {
  const { rows, cols } = shape;
  if (bytes.byteLength !== rows * cols * elementBytes) throw new RangeError('bytes do not fit the shape');
  const runs = runsOf(keep.cols, cols);
  const keptCols = runs.reduce((sum, run) => sum + run.count, 0);
  const keptRows = keep.rows?.length ?? rows;
  const out = new Uint8Array(keptRows * keptCols * elementBytes);
  let at = 0;
  for (let i = 0; i < keptRows; i++) {
    const row = (keep.rows?.[i] ?? i) * cols;
    for (const { begin, count } of runs) {
      const from = (row + begin) * elementBytes;
      out.set(bytes.subarray(from, from + count * elementBytes), at);
      at += count * elementBytes;
    }
  }
  return out;
}

/** Neighbours together: whole heads are copied at once. */
function runsOf(lines: readonly number[] | null, all: number): { begin: number; count: number }[] {
  if (!lines) return [{ begin: 0, count: all }];
  const runs: { begin: number; count: number }[] = [];
  for (const line of lines) {
    const last = runs.at(-1);
    if (last && last.begin + last.count === line) last.count++;
    else runs.push({ begin: line, count: 1 });
  }
  return runs;
}
