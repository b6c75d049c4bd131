/** Element types of weight files and their exact conversions. Everything here is bit-exact and pure. */
export type FloatDtype = 'F32' | 'F16' | 'BF16';
export type Dtype =
  | FloatDtype
  | 'F64' | 'I64' | 'I32' | 'I16' | 'I8' | 'U64' | 'U32' | 'U16' | 'U8' | 'BOOL' | 'F8_E4M3' | 'F8_E5M2'; // prettier-ignore

export const DTYPE_BYTES: Record<Dtype, number> = {
  F64: 8, I64: 8, U64: 8, F32: 4, I32: 4, U32: 4, F16: 2, BF16: 2, I16: 2, U16: 2, I8: 1, U8: 1, BOOL: 1, F8_E4M3: 1, F8_E5M2: 1,
}; // prettier-ignore

export function isFloatDtype(dtype: string): dtype is FloatDtype {
  return dtype === 'F32' || dtype === 'F16' || dtype === 'BF16';
}

const scratchF32 = new Float32Array(1);
const scratchU32 = new Uint32Array(scratchF32.buffer);

/** Bits of an IEEE half to the f32 value it denotes. */
export function f16ToF32(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** f32 to the nearest half, ties to even; returns its bits. */
export function f32ToF16(value: number): number {
  scratchF32[0] = value;
  const x = scratchU32[0] as number;
  const sign = (x >>> 16) & 0x8000;
  const abs = x & 0x7fffffff;
  if (abs > 0x7f800000) return sign | 0x7e00;
  if (abs >= 0x477ff000) return sign | 0x7c00; // rounds to infinity
  if (abs < 0x38800000) {
    // Subnormal half: scale so that the rounding happens in f64, ties to even by construction.
    const scaled = Math.abs(value) * 2 ** 24;
    const floor = Math.floor(scaled);
    const rest = scaled - floor;
    return sign | (rest > 0.5 || (rest === 0.5 && floor & 1) ? floor + 1 : floor);
  }
  const rounded = abs + 0xfff + ((abs >>> 13) & 1);
  return sign | ((rounded - 0x38000000) >>> 13);
}

export function bf16ToF32(bits: number): number {
  scratchU32[0] = bits << 16;
  return scratchF32[0] as number;
}

/** f32 to the nearest bfloat16, ties to even; returns its bits. */
export function f32ToBf16(value: number): number {
  scratchF32[0] = value;
  const x = scratchU32[0] as number;
  if ((x & 0x7fffffff) > 0x7f800000) return ((x >>> 16) | 0x40) & 0xffff;
  return ((x + 0x7fff + ((x >>> 16) & 1)) >>> 16) & 0xffff;
}

let halfTable: Float32Array | undefined;

/** Lookup of all 65,536 halves, made on first use (256 KiB). */
export function f16Table(): Float32Array {
  if (!halfTable) {
    halfTable = new Float32Array(65536);
    for (let i = 0; i < 65536; i++) halfTable[i] = f16ToF32(i);
  }
  return halfTable;
}

/** Raw little-endian tensor bytes to f32 values. `bytes` may have any alignment. */
export function toF32(bytes: Uint8Array, dtype: FloatDtype): Float32Array {
  const count = bytes.byteLength / DTYPE_BYTES[dtype];
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  if (dtype === 'F32') return new Float32Array(aligned.buffer, aligned.byteOffset, count);
  const words = new Uint16Array(aligned.buffer, aligned.byteOffset, count);
  const out = new Float32Array(count);
  if (dtype === 'F16') {
    const table = f16Table();
    for (let i = 0; i < count; i++) out[i] = table[words[i] as number] as number;
  } else {
    const bits = new Uint32Array(out.buffer);
    for (let i = 0; i < count; i++) bits[i] = (words[i] as number) << 16;
  }
  return out;
}

/** f32 values to little-endian bytes of `dtype`, rounded to nearest even. */
export function fromF32(values: ArrayLike<number>, dtype: FloatDtype): Uint8Array<ArrayBuffer> {
  if (dtype === 'F32') return new Uint8Array(Float32Array.from(values).buffer);
  const words = new Uint16Array(values.length);
  const convert = dtype === 'F16' ? f32ToF16 : f32ToBf16;
  for (let i = 0; i < values.length; i++) words[i] = convert(values[i] as number);
  return new Uint8Array(words.buffer);
}

/** Elements equal to +0 or -0 in raw bytes. */
export function zeroElements(bytes: Uint8Array, dtype: FloatDtype): number {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  let count = 0;
  if (dtype === 'F32') {
    const words = new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength >> 2);
    for (let i = 0; i < words.length; i++) if ((words[i] as number) << 1 === 0) count++;
  } else {
    const words = new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.byteLength >> 1);
    for (let i = 0; i < words.length; i++) if (((words[i] as number) & 0x7fff) === 0) count++;
  }
  return count;
}
