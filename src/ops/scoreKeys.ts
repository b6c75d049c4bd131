/**
 * CPU twin of shaders/lib/scoreKey.wgsl: the score |w| * norm, rounded once to f32, as the integer of its bits. Weights,
 * norms and scores below 2^-126 count as 0; NaN is KEY_NAN, right above Inf.
 */
import { DTYPE_BYTES, f16Table, type FloatDtype } from '../core/dtypes';
import { LabError } from '../core/errors';

export const KEY_INF = 0x7f800000;
export const KEY_NAN = 0x7f800001;

const MIN_NORMAL = 2 ** -126;
/** Products from here on round (to 24 bits, ties to even) to at least 2^-126. */
const ROUNDS_TO_NORMAL = 2 ** -126 * (1 - 2 ** -25);

/** Reads keys of a matrix [rows, cols], one row at a time, into arrays that the next row reuses. */
export interface KeyReader {
  /** Keys of the row read last, [cols]; all below 2^31. */
  readonly keys: Int32Array;
  /** Reads one row into `keys`. */
  read(row: number): void;
}

function flushed(value: number): number {
  const magnitude = Math.abs(value);
  return magnitude < MIN_NORMAL ? 0 : magnitude;
}

/** `bytes`: row-major little-endian elements without padding, any alignment. `norms` [cols], or null for the score |w|. */
export function keyReader(
  bytes: Uint8Array,
  dtype: FloatDtype,
  rows: number,
  cols: number,
  norms: Float32Array | null,
): KeyReader {
  const size = DTYPE_BYTES[dtype];
  if (bytes.byteLength !== rows * cols * size || (norms && norms.length !== cols)) {
    throw new LabError(
      'InternalError',
      `A [${rows}, ${cols}] ${dtype} matrix does not have ${bytes.byteLength} bytes and ${norms?.length} norms.`,
    );
  }
  const aligned = bytes.byteOffset % size === 0 ? bytes : bytes.slice();
  const scores = new Float32Array(cols);
  const keys = new Int32Array(scores.buffer);
  const factors = Float64Array.from(norms ?? new Float32Array(cols).fill(1), flushed);

  // NaN has many bit patterns in f32; ours is one key.
  const tidy = (): void => {
    for (let c = 0; c < cols; c++) if (((keys[c] as number) & 0x7fffffff) > KEY_INF) keys[c] = KEY_NAN;
  };

  if (dtype === 'F16') {
    const table = f16Table();
    const halves = new Uint16Array(aligned.buffer, aligned.byteOffset, rows * cols);
    const read = (row: number): void => {
      const start = row * cols;
      let nan = false;
      for (let c = 0; c < cols; c++) {
        const p = (table[(halves[start + c] as number) & 0x7fff] as number) * (factors[c] as number);
        if (p >= ROUNDS_TO_NORMAL) scores[c] = p;
        else if (p === p) scores[c] = 0;
        else {
          scores[c] = NaN;
          nan = true;
        }
      }
      if (nan) tidy();
    };
    return { keys, read };
  }

  const fromBits = dtype === 'BF16' ? new Float32Array(cols) : null;
  const bits = fromBits && new Int32Array(fromBits.buffer);
  const halves = fromBits && new Uint16Array(aligned.buffer, aligned.byteOffset, rows * cols);
  const values = fromBits ?? new Float32Array(aligned.buffer, aligned.byteOffset, rows * cols);
  const read = (row: number): void => {
    let start = row * cols;
    if (bits && halves) {
      for (let c = 0; c < cols; c++) bits[c] = (halves[start + c] as number) << 16;
      start = 0;
    }
    let nan = false;
    for (let c = 0; c < cols; c++) {
      const w = Math.abs(values[start + c] as number);
      // A subnormal weight is 0, and 0 * Inf is NaN.
      const p = (w >= MIN_NORMAL || w !== w ? w : 0) * (factors[c] as number);
      if (p >= ROUNDS_TO_NORMAL) scores[c] = p;
      else if (p === p) scores[c] = 0;
      else {
        scores[c] = NaN;
        nan = true;
      }
    }
    if (nan) tidy();
  };
  return { keys, read };
}
