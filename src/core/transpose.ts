/** Bytes of a row-major [rows, cols] matrix of 2- or 4-byte elements as the row-major [cols, rows] one. */
export function transpose(
  bytes: Uint8Array,
  elementBytes: number,
  rows: number,
  cols: number,
): Uint8Array<ArrayBuffer> {
  if (bytes.byteLength !== rows * cols * elementBytes)
    throw new RangeError(`${bytes.byteLength} bytes are not ${rows} x ${cols} elements of ${elementBytes}`);
  const View = elementBytes === 2 ? Uint16Array : Uint32Array;
  const from = new View(bytes.slice().buffer);
  const to = new View(rows * cols);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < cols; c++) to[c * rows + r] = from[r * cols + c] as number;
  return new Uint8Array(to.buffer);
}
