/** f32 values to the GGUF types that the lab writes, as the `gguf` Python package rounds them. */
import { fromF32, f32ToF16, f16ToF32 } from '../core/dtypes';

export const GGUF_EXPORT_TYPES = ['f16', 'bf16', 'q8_0'] as const;
export type GgufExportType = (typeof GGUF_EXPORT_TYPES)[number];

export type WrittenType = 'F32' | 'F16' | 'BF16' | 'Q8_0';

/** Numbers of the types in the file (ggml_type), their block lengths and block bytes. */
export const WRITTEN_TYPES: Record<WrittenType, { id: number; weights: number; bytes: number }> = {
  F32: { id: 0, weights: 1, bytes: 4 },
  F16: { id: 1, weights: 1, bytes: 2 },
  BF16: { id: 30, weights: 1, bytes: 2 },
  Q8_0: { id: 8, weights: 32, bytes: 34 },
};

/** general.file_type of a file whose matrices have that type (llama_ftype). */
export const FILE_TYPES: Record<GgufExportType, number> = { f16: 1, bf16: 32, q8_0: 7 };

export interface Encoded {
  bytes: Uint8Array<ArrayBuffer>;
  /** Values that read back as zero. */
  zeros: number;
}

/** `values` are whole rows; for Q8_0 whole blocks of 32. */
export function encodeValues(values: Float32Array, type: WrittenType): Encoded {
  if (type === 'Q8_0') return q8_0(values);
  const bytes = fromF32(values, type);
  let zeros = 0;
  if (type === 'F32') {
    for (const value of values) if (value === 0) zeros++;
  } else {
    for (const word of new Uint16Array(bytes.buffer)) if ((word & 0x7fff) === 0) zeros++;
  }
  return { bytes, zeros };
}

/** Blocks of 32 with one f16 scale: max / 127, halves away from zero (gguf.quants.Q8_0). */
function q8_0(values: Float32Array): Encoded {
  const bytes = new Uint8Array((values.length / 32) * 34);
  let zeros = 0;
  for (let from = 0, at = 0; from < values.length; from += 32, at += 34) {
    let max = 0;
    for (let i = 0; i < 32; i++) max = Math.max(max, Math.abs(values[from + i] as number));
    const scale = Math.fround(max / 127);
    const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
    const half = f32ToF16(scale);
    bytes[at] = half & 255;
    bytes[at + 1] = half >> 8;
    const lost = f16ToF32(half) === 0;
    for (let i = 0; i < 32; i++) {
      const value = Math.fround((values[from + i] as number) * inverse);
      const magnitude = Math.abs(value);
      const floor = Math.floor(magnitude);
      // f32 like the reference: the distance to the floor is exact, so is its double.
      const rounded = floor + Math.floor(2 * (magnitude - floor));
      bytes[at + 2 + i] = value < 0 ? -rounded : rounded;
      if (lost || rounded === 0) zeros++;
    }
  }
  return { bytes, zeros };
}
