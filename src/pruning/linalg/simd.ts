/**
 * The innermost loops of f64 products in WebAssembly: 128-bit SIMD, two lanes along the rows. Compilers of JavaScript
 * neither use lanes nor drop the bounds checks of typed arrays, so this is several times as fast. The module is
 * assembled here, from the WebAssembly core specification 2.0; it needs no build step and some hundred bytes.
 */

/** Longest rows of a piece, in numbers. */
export const DEPTH = 384;
/** Most rows of either side of a piece, a multiple of BAND. */
export const SIDE = 480;
/** Rows of B at a time, a multiple of 3: they stay in a cache of the second level while all rows of A pass. */
const BAND = 96;

/** Rows lie a cache line further apart than they are long, else all of them would share cache sets. */
const STRIDE = (DEPTH + 8) * 8;
const B_AT = SIDE * STRIDE;
const SUMS_AT = 2 * SIDE * STRIDE;
const BYTES = SUMS_AT + SIDE * SIDE * 8;
const PAGE = 1 << 16;

export interface SimdKernel {
  /** Copies `depth` numbers from `begin` to row `row` of A (0 to SIDE - 1). */
  setA(row: number, from: Float64Array, begin: number, depth: number): void;
  /** The same of B. */
  setB(row: number, from: Float64Array, begin: number, depth: number): void;
  /** Products of the first `m` rows of A with the first `n` of B go to `sums`. */
  multiply(m: number, n: number, depth: number): void;
  /** Row i of A times row j of B at SIDE * i + j. */
  readonly sums: Float64Array;
}

const [I32, V128, VOID] = [0x7f, 0x7b, 0x40];
const END = 0x0b;

/** LEB128, signed; for the small numbers here it also reads as unsigned. */
function leb(value: number): number[] {
  const out: number[] = [];
  for (let rest = value; ; rest >>= 7) {
    const byte = rest & 0x7f;
    if (rest === byte && byte < 0x40) return [...out, byte];
    out.push(byte | 0x80);
  }
}

const section = (id: number, ...content: number[]): number[] => [id, ...leb(content.length), ...content];
const get = (local: number): number[] => [0x20, local];
const set = (local: number): number[] => [0x21, local];
/** local += bytes; leaves the sum on the stack for a comparison where asked. */
const advance = (local: number, bytes: number, keep = false): number[] => [
  ...get(local),
  0x41,
  ...leb(bytes),
  0x6a,
  keep ? 0x22 : 0x21,
  local,
];
const loop = (body: number[]): number[] => [0x03, VOID, ...body, END];
const againIfBelow = (limit: number): number[] => [...get(limit), 0x49, 0x0d, 0];
const load = (local: number, offset: number): number[] => [...get(local), 0xfd, 0x00, 3, ...leb(offset)];
const lane = (local: number, index: number): number[] => [...get(local), 0xfd, 0x21, index];
const MULTIPLY = [0xfd, 0xf2, 0x01];
const ADD = [0xfd, 0xf0, 0x01];
const ZERO = [0xfd, 0x0c, ...new Array<number>(16).fill(0)];

/** (a, end of its first row, b, end of b, sums): three rows of A; 3 x 3 sums at a time stay in registers. */
function kernelBody(): number[] {
  const [aBegin, aEnd, b, bEnd, sums, a, p, x, y] = [0, 1, 2, 3, 4, 5, 6, 7, 10];
  const sum = (i: number, j: number): number => 11 + 3 * i + j;
  const three = [0, 1, 2];
  const nine = three.flatMap((i) => three.map((j) => [i, j] as const));
  const step = (offset: number): number[] => [
    ...three.flatMap((i) => [...load(a, i * STRIDE + offset), ...set(x + i)]),
    ...three.flatMap((j) => [
      ...load(p, j * STRIDE + offset),
      ...set(y),
      ...three.flatMap((i) => [
        ...get(sum(i, j)),
        ...get(x + i),
        ...get(y),
        ...MULTIPLY,
        ...ADD,
        ...set(sum(i, j)),
      ]),
    ]),
  ];
  const body = loop([
    ...nine.flatMap(([i, j]) => [...ZERO, ...set(sum(i, j))]),
    ...[...get(aBegin), ...set(a)],
    ...[...get(b), ...set(p)],
    ...loop([...step(0), ...step(16), ...advance(p, 32), ...advance(a, 32, true), ...againIfBelow(aEnd)]),
    ...nine.flatMap(([i, j]) => [
      ...get(sums),
      ...[...lane(sum(i, j), 0), ...lane(sum(i, j), 1), 0xa0],
      ...[0x39, 3, ...leb(8 * (SIDE * i + j))],
    ]),
    ...advance(sums, 24),
    ...[...advance(b, 3 * STRIDE, true), ...againIfBelow(bEnd)],
  ]);
  const locals = [2, 2, I32, 13, V128];
  return [...locals, ...body, END];
}

/** The module's bytes: a memory and a function. */
function moduleBytes(): Uint8Array<ArrayBuffer> {
  const pages = Math.ceil(BYTES / PAGE);
  const code = kernelBody();
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, 1, 0x60, 5, I32, I32, I32, I32, I32, 0),
    ...section(3, 1, 0),
    ...section(5, 1, 0, ...leb(pages)),
    ...section(7, 2, ...[1, 0x6d, 2, 0], ...[1, 0x66, 0, 0]),
    ...section(10, 1, ...leb(code.length), ...code),
  ]);
}

type Run = (a: number, aEnd: number, b: number, bEnd: number, sums: number) => void;

const isRun = (exported: unknown): exported is Run => typeof exported === 'function';

/** Null where the platform has no WebAssembly or no SIMD in it. */
export function simdKernel(): SimdKernel | null {
  let exported: WebAssembly.Exports;
  try {
    exported = new WebAssembly.Instance(new WebAssembly.Module(moduleBytes())).exports;
  } catch {
    return null;
  }
  const { m: memory, f: run } = exported;
  if (!(memory instanceof WebAssembly.Memory) || !isRun(run)) return null;
  const numbers = new Float64Array(memory.buffer);
  const copy = (at: number, from: Float64Array, begin: number, depth: number): void => {
    numbers.set(from.subarray(begin, begin + depth), at / 8);
    // The loop takes four at a time.
    if (depth % 4 > 0) numbers.fill(0, at / 8 + depth, at / 8 + depth + 4 - (depth % 4));
  };
  return {
    setA: (row, from, begin, depth) => {
      copy(row * STRIDE, from, begin, depth);
    },
    setB: (row, from, begin, depth) => {
      copy(B_AT + row * STRIDE, from, begin, depth);
    },
    multiply: (m, n, depth) => {
      const length = Math.ceil(depth / 4) * 32;
      for (let j = 0; j < n; j += BAND) {
        const b = B_AT + j * STRIDE;
        const end = B_AT + Math.min(j + BAND, n) * STRIDE;
        for (let i = 0; i < m; i += 3)
          run(i * STRIDE, i * STRIDE + length, b, end, SUMS_AT + (i * SIDE + j) * 8);
      }
    },
    sums: new Float64Array(memory.buffer, SUMS_AT, SIDE * SIDE),
  };
}
