/**
 * What a pruned matrix weighs in each storage format, to the byte, and the speed-up that those bytes allow at most when
 * decoding is bound by memory (docs/performance.md). Pure arithmetic; nothing here is measured.
 */
import { DTYPE_BYTES, type FloatDtype } from './dtypes';

/**
 * dense: the weights as they were. zeros: the same bytes with pruned weights written as 0. bitmask: kept values, one
 * bit per weight, row offsets. csr: kept values, a 16-bit column each, row offsets. km: K values of every group of M
 * columns and one bit per weight.
 */
export const STORAGE_FORMATS = ['dense', 'zeros', 'bitmask', 'csr', 'km'] as const;
export type StorageFormat = (typeof STORAGE_FORMATS)[number];

export interface Groups {
  keep: number;
  group: number;
}

/** A pruned matrix [rows, cols]: what decides its size. */
export interface PrunedShape {
  rows: number;
  cols: number;
  /** Pruned weights among its rows * cols. */
  zeros: number;
  dtype: FloatDtype;
}

/** Columns that a 16-bit index can name. */
export const CSR_COLUMNS = 65536;

/** Bytes in GPU memory, as the kernels read it; null where the format cannot hold the matrix. `groups` is for km. */
export function memoryBytes(
  format: StorageFormat,
  { rows, cols, zeros, dtype }: PrunedShape,
  groups: Groups | null = null,
): number | null {
  const value = DTYPE_BYTES[dtype];
  const kept = rows * cols - zeros;
  const maskBytes = rows * Math.ceil(cols / 32) * 4;
  switch (format) {
    case 'dense':
    case 'zeros':
      return rows * cols * value;
    case 'bitmask':
      return kept * value + maskBytes + (rows + 1) * 4;
    case 'csr':
      return cols > CSR_COLUMNS ? null : kept * (value + 2) + (rows + 1) * 4;
    case 'km':
      if (!groups || cols % groups.group !== 0) return null;
      return (rows * cols * groups.keep * value) / groups.group + maskBytes;
  }
}

/**
 * Bytes of the matrix's tensors in a file, headers aside: safetensors for dense and zeros, the four tensors of
 * `sparse-bitmask` (shape and row offsets of 8-byte integers, mask rows of whole bytes), the three of
 * `sparse-24-bitmask` for 2:4. null where there is no such file format.
 */
export function fileBytes(
  format: StorageFormat,
  { rows, cols, zeros, dtype }: PrunedShape,
  groups: Groups | null = null,
): number | null {
  const value = DTYPE_BYTES[dtype];
  const bitmask = rows * Math.ceil(cols / 8);
  switch (format) {
    case 'dense':
    case 'zeros':
      return rows * cols * value;
    case 'bitmask':
      return 16 + (rows * cols - zeros) * value + bitmask + rows * 8;
    case 'csr':
      return null;
    case 'km':
      if (groups?.keep !== 2 || groups.group !== 4 || cols % 4 !== 0) return null;
      return 16 + (rows * cols * value) / 2 + bitmask;
  }
}

/** Bytes per original weight at a sparsity in [0, 1], row offsets left out: what long rows tend to. */
export function bytesPerWeight(
  format: StorageFormat,
  sparsity: number,
  dtype: FloatDtype,
  groups: Groups | null = null,
): number | null {
  const value = DTYPE_BYTES[dtype];
  switch (format) {
    case 'dense':
    case 'zeros':
      return value;
    case 'bitmask':
      return value * (1 - sparsity) + 1 / 8;
    case 'csr':
      return (value + 2) * (1 - sparsity);
    case 'km':
      return groups && (value * groups.keep) / groups.group + 1 / 8;
  }
}

/**
 * Sparsity above which a format takes fewer bytes than dense, row offsets counted; null where none does (zeros), or
 * where the pattern fixes the sparsity (km).
 */
export function breakEvenBytes(format: StorageFormat, dtype: FloatDtype, cols: number): number | null {
  const value = DTYPE_BYTES[dtype];
  if (format === 'bitmask') return (Math.ceil(cols / 32) * 4 + 4) / (value * cols);
  if (format === 'csr') return (2 * cols + 4) / ((value + 2) * cols);
  return null;
}

/**
 * Largest speed-up of a step that reads every byte once: of the pruned matrices' dense bytes over their bytes in the
 * format, with `rest` bytes (norms, biases, head, keys and values: what stays dense) read either way.
 */
export function bandwidthSpeedUp(denseBytes: number, formatBytes: number, rest = 0): number {
  return (denseBytes + rest) / (formatBytes + rest);
}
