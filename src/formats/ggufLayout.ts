/**
 * What llama.cpp's converter changes in a tensor besides its type, and how to change it back: Hugging Face order and
 * values on one side, GGUF's on the other. Each layout is a pure function in both directions.
 */
import { f32ToF16, toF32, type FloatDtype } from '../core/dtypes';
import { LabError } from '../core/errors';
import type { GgufTensor } from './gguf';
import type { StoredRows, TensorEntry } from './safetensors';
import type { ByteSource } from './source';

export type Layout =
  | { kind: 'same' }
  /** Rows of a head in pairs (0, d/2, 1, d/2 + 1, …), for rotary embedding of neighbours. */
  | { kind: 'pairs'; headRows: number }
  /** 1 is added: RMSNorm that multiplies by 1 + weight. */
  | { kind: 'plusOne' }
  /** [inputs, outputs] in the Hugging Face file (Conv1D of GPT-2), [outputs, inputs] in the GGUF file. */
  | { kind: 'transposed' }
  /** Query, key and value rows of all heads one after the other, where the Hugging Face file has them head by head. */
  | { kind: 'apart'; heads: number };

/** Row of the GGUF tensor that holds row `row` of the Hugging Face tensor, of `rows`. */
function rowInFile(layout: Layout, rows: number, row: number): number {
  if (layout.kind === 'pairs') {
    const { headRows } = layout;
    const i = row % headRows;
    const half = headRows / 2;
    return row - i + 2 * (i % half) + (i < half ? 0 : 1);
  }
  if (layout.kind === 'apart') {
    const dim = rows / (3 * layout.heads);
    const head = Math.floor(row / (3 * dim));
    const part = Math.floor(row / dim) % 3;
    return (part * layout.heads + head) * dim + (row % dim);
  }
  return row;
}

/** Values in GGUF's order to Hugging Face's; `cols` is the length of a row in the GGUF tensor. */
export function fromFileLayout(values: Float32Array, cols: number, layout: Layout): Float32Array {
  return relayout(values, cols, layout, true);
}

/** Values in Hugging Face's order to GGUF's; `cols` is the length of a row in the GGUF tensor. */
export function toFileLayout(values: Float32Array, cols: number, layout: Layout): Float32Array {
  return relayout(values, cols, layout, false);
}

function relayout(values: Float32Array, cols: number, layout: Layout, fromFile: boolean): Float32Array {
  if (layout.kind === 'same') return values;
  const out = new Float32Array(values.length);
  const rows = values.length / cols;
  if (layout.kind === 'plusOne') {
    const by = fromFile ? -1 : 1;
    for (let i = 0; i < values.length; i++) out[i] = (values[i] as number) + by;
  } else if (layout.kind === 'transposed') {
    for (let r = 0; r < rows; r++)
      for (let c = 0; c < cols; c++) {
        const file = r * cols + c;
        const other = c * rows + r;
        if (fromFile) out[other] = values[file] as number;
        else out[file] = values[other] as number;
      }
  } else {
    for (let row = 0; row < rows; row++) {
      const inFile = rowInFile(layout, rows, row);
      const [from, to] = fromFile ? [inFile, row] : [row, inFile];
      out.set(values.subarray(from * cols, (from + 1) * cols), to * cols);
    }
  }
  return out;
}

/** Rows that a layout needs at once. */
export function rowsPerUnit(layout: Layout, rows: number): number {
  if (layout.kind === 'same' || layout.kind === 'plusOne') return 1;
  return layout.kind === 'pairs' ? layout.headRows : rows;
}

/** A GGUF tensor as the Hugging Face tensor `name` of `dtype`. `file` is the path of the weight file. */
export function storedEntry(
  source: ByteSource,
  file: string,
  tensor: GgufTensor,
  name: string,
  dtype: FloatDtype,
  layout: Layout,
): TensorEntry {
  const { shape, type, begin, end } = tensor;
  // A vector is one unit, and every value of it a row.
  const [rows, cols] = fileShape(shape);
  const unit = shape.length === 1 ? rows : rowsPerUnit(layout, rows);
  const stored: StoredRows = {
    type: type.name,
    rowsPerUnit: unit,
    unitBytes: ((end - begin) / rows) * unit,
    decode(raw) {
      if (type.name === dtype && layout.kind === 'same') return new Uint8Array(raw);
      const values = new Float32Array((raw.byteLength / type.bytes) * type.weights);
      type.decode(raw, values);
      return roundTo(fromFileLayout(values, cols, layout), dtype, source.name, tensor.name);
    },
  };
  return {
    name,
    dtype,
    shape: layout.kind === 'transposed' ? [cols, rows] : shape,
    file,
    source,
    begin,
    end,
    stored,
  };
}

/** Rows and row length of a tensor; a vector's values are rows of one. */
export function fileShape(shape: readonly number[]): [rows: number, cols: number] {
  if (shape.length === 1) return [shape[0] ?? 0, 1];
  const cols = shape.at(-1) ?? 0;
  return [shape.slice(0, -1).reduce((a, b) => a * b, 1), cols];
}

/** f32 values to bytes of `dtype`, nearest even. ModelError where a finite value becomes infinite. */
function roundTo(
  values: Float32Array,
  dtype: FloatDtype,
  file: string,
  tensor: string,
): Uint8Array<ArrayBuffer> {
  if (dtype === 'F32')
    return new Uint8Array(values.buffer as ArrayBuffer, values.byteOffset, values.byteLength);
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const words = new Uint16Array(values.length);
  for (let i = 0; i < words.length; i++) {
    const x = bits[i] as number;
    const abs = x & 0x7fffffff;
    if (dtype === 'BF16') {
      words[i] =
        abs > 0x7f800000 ? ((x >>> 16) | 0x40) & 0xffff : ((x + 0x7fff + ((x >>> 16) & 1)) >>> 16) & 0xffff;
      continue;
    }
    // Normal halves, by far the most, without a call.
    if (abs >= 0x38800000 && abs < 0x477ff000) {
      words[i] = ((x >>> 16) & 0x8000) | ((abs + 0xfff + ((abs >>> 13) & 1) - 0x38000000) >>> 13);
      continue;
    }
    if (abs >= 0x477ff000 && abs < 0x7f800000) {
      throw new LabError(
        'ModelError',
        `${file}: tensor ${tensor} holds ${values[i] as number}, beyond the 65,504 that F16 reaches.`,
        'Use the model in BF16 or F32.',
      );
    }
    words[i] = f32ToF16(values[i] as number);
  }
  return new Uint8Array(words.buffer);
}

/** Bytes of a float dtype to a fresh f32 array. */
export function f32Copy(bytes: Uint8Array, dtype: FloatDtype): Float32Array {
  return Float32Array.from(toF32(bytes, dtype));
}
