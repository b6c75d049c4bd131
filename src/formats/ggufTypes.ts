/**
 * Tensor types of GGUF: blocks of weights that share scales. Each dequantiser gives the f32 values of the `gguf`
 * Python package (gguf.quants.dequantize, ggml's reference): every operation is rounded to f32 where it can be inexact.
 */
import { f16Table } from '../core/dtypes';

export interface BlockType {
  name: string;
  /** Weights in a block. */
  weights: number;
  /** Bytes of a block. */
  bytes: number;
  /** Whole blocks to f32. */
  decode(blocks: Uint8Array, out: Float32Array): void;
}

/** A block decoder: reads the block that begins at byte `at`, writes from index `to` on. */
type Decoder = (b: Uint8Array, at: number, out: Float32Array, to: number, half: Float32Array) => void;

const byte = (b: Uint8Array, at: number): number => b[at] as number;
const int8 = (b: Uint8Array, at: number): number => ((b[at] as number) << 24) >> 24;
const f16 = (b: Uint8Array, at: number, half: Float32Array): number =>
  half[byte(b, at) | (byte(b, at + 1) << 8)] as number;

const decodeF16: Decoder = (b, at, out, to, half) => {
  out[to] = f16(b, at, half);
};

const q8_0: Decoder = (b, at, out, to, half) => {
  const d = f16(b, at, half);
  for (let i = 0; i < 32; i++) out[to + i] = d * int8(b, at + 2 + i);
};

const q4_0: Decoder = (b, at, out, to, half) => {
  const d = f16(b, at, half);
  for (let i = 0; i < 16; i++) {
    const q = byte(b, at + 2 + i);
    out[to + i] = d * ((q & 15) - 8);
    out[to + 16 + i] = d * ((q >> 4) - 8);
  }
};

const q4_1: Decoder = (b, at, out, to, half) => {
  const d = f16(b, at, half);
  const m = f16(b, at + 2, half);
  // A product of 11 and 4 bits is exact, so only the sum is rounded.
  for (let i = 0; i < 16; i++) {
    const q = byte(b, at + 4 + i);
    out[to + i] = d * (q & 15) + m;
    out[to + 16 + i] = d * (q >> 4) + m;
  }
};

/** Five bits: four in `low`, the fifth in bit i of a word. */
const fifth = (b: Uint8Array, at: number, i: number): number =>
  ((byte(b, at + (i >> 3)) >> (i & 7)) & 1) << 4;

const q5_0: Decoder = (b, at, out, to, half) => {
  const d = f16(b, at, half);
  for (let i = 0; i < 16; i++) {
    const q = byte(b, at + 6 + i);
    out[to + i] = d * (((q & 15) | fifth(b, at + 2, i)) - 16);
    out[to + 16 + i] = d * (((q >> 4) | fifth(b, at + 2, i + 16)) - 16);
  }
};

const q5_1: Decoder = (b, at, out, to, half) => {
  const d = f16(b, at, half);
  const m = f16(b, at + 2, half);
  for (let i = 0; i < 16; i++) {
    const q = byte(b, at + 8 + i);
    out[to + i] = d * ((q & 15) | fifth(b, at + 4, i)) + m;
    out[to + 16 + i] = d * ((q >> 4) | fifth(b, at + 4, i + 16)) + m;
  }
};

/** Scale and minimum of sub-block j, six bits each, packed in twelve bytes. */
const scaleOf = (b: Uint8Array, at: number, j: number): number =>
  j < 4 ? byte(b, at + j) & 63 : (byte(b, at + j + 4) & 15) | ((byte(b, at + j - 4) >> 6) << 4);
const minOf = (b: Uint8Array, at: number, j: number): number =>
  j < 4 ? byte(b, at + j + 4) & 63 : (byte(b, at + j + 4) >> 4) | ((byte(b, at + j) >> 6) << 4);

/** Q4_K and Q5_K: eight sub-blocks of 32; the fifth bits, where there are any, in 32 bytes at `high`. */
const kBlock =
  (low: number, high: number | null): Decoder =>
  (b, at, out, to, half) => {
    const d = f16(b, at, half);
    const dmin = f16(b, at + 2, half);
    for (let j = 0; j < 8; j++) {
      // Both products are exact: 11 and 6 bits.
      const scale = d * scaleOf(b, at + 4, j);
      const min = dmin * minOf(b, at + 4, j);
      const from = at + low + (j >> 1) * 32;
      const shift = (j & 1) * 4;
      for (let i = 0; i < 32; i++) {
        let q = (byte(b, from + i) >> shift) & 15;
        if (high !== null) q |= ((byte(b, at + high + i) >> j) & 1) << 4;
        out[to + 32 * j + i] = scale * q - min;
      }
    }
  };

const q6_k: Decoder = (b, at, out, to, half) => {
  const d = f16(b, at + 208, half);
  for (let k = 0; k < 256; k++) {
    // Two halves of 128 weights; in each, four rows of 32 share their low and high bytes.
    const part = k >> 7;
    const row = (k >> 5) & 3;
    const i = k & 31;
    const low = (byte(b, at + part * 64 + (row & 1) * 32 + i) >> ((row >> 1) * 4)) & 15;
    const high = (byte(b, at + 128 + part * 32 + i) >> (row * 2)) & 3;
    out[to + k] = Math.fround(d * int8(b, at + 192 + (k >> 4))) * ((low | (high << 4)) - 32);
  }
};

function blocks(name: string, weights: number, bytes: number, decoder: Decoder): BlockType {
  return {
    name,
    weights,
    bytes,
    decode(source, out) {
      const half = f16Table();
      for (let at = 0, to = 0; at + bytes <= source.byteLength; at += bytes, to += weights)
        decoder(source, at, out, to, half);
    },
  };
}

const f32: BlockType = {
  name: 'F32',
  weights: 1,
  bytes: 4,
  decode(source, out) {
    // By bytes: the source may have any alignment, and a copy keeps the bits of a NaN.
    new Uint8Array(out.buffer, out.byteOffset, source.byteLength).set(source);
  },
};

const bf16: BlockType = {
  name: 'BF16',
  weights: 1,
  bytes: 2,
  decode(source, out) {
    const bits = new Uint32Array(out.buffer, out.byteOffset, source.byteLength >> 1);
    for (let i = 0; i < bits.length; i++)
      bits[i] = (byte(source, 2 * i) << 16) | (byte(source, 2 * i + 1) << 24);
  },
};

/** By the number in the file (ggml_type). */
export const BLOCK_TYPES: ReadonlyMap<number, BlockType> = new Map<number, BlockType>([
  [0, f32],
  [1, blocks('F16', 1, 2, decodeF16)],
  [2, blocks('Q4_0', 32, 18, q4_0)],
  [3, blocks('Q4_1', 32, 20, q4_1)],
  [6, blocks('Q5_0', 32, 22, q5_0)],
  [7, blocks('Q5_1', 32, 24, q5_1)],
  [8, blocks('Q8_0', 32, 34, q8_0)],
  [12, blocks('Q4_K', 256, 144, kBlock(16, null))],
  [13, blocks('Q5_K', 256, 176, kBlock(48, 16))],
  [14, blocks('Q6_K', 256, 210, q6_k)],
  [30, bf16],
]);

/** Types that exist and are not read. */
export const OTHER_TYPES: ReadonlyMap<number, string> = new Map([
  [4, 'Q4_2'], [5, 'Q4_3'], [9, 'Q8_1'], [10, 'Q2_K'], [11, 'Q3_K'], [15, 'Q8_K'], [16, 'IQ2_XXS'], [17, 'IQ2_XS'],
  [18, 'IQ3_XXS'], [19, 'IQ1_S'], [20, 'IQ4_NL'], [21, 'IQ3_S'], [22, 'IQ2_S'], [23, 'IQ4_XS'], [24, 'I8'], [25, 'I16'],
  [26, 'I32'], [27, 'I64'], [28, 'F64'], [29, 'IQ1_M'], [31, 'Q4_0_4_4'], [32, 'Q4_0_4_8'], [33, 'Q4_0_8_8'],
  [34, 'TQ1_0'], [35, 'TQ2_0'], [39, 'MXFP4'], [40, 'NVFP4'], [41, 'Q1_0'],
]); // prettier-ignore

/** Names of the types that are read, for messages. */
export const READ_TYPES = [...BLOCK_TYPES.values()].map((t) => t.name).join(', ');
