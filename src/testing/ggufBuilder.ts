/** Writes small GGUF files byte by byte, well-formed or not, for tests of the reader. */
export type GgufTestValue =
  | { u32: number }
  | { f32: number }
  | { bool: boolean }
  | { string: string }
  | { strings: readonly string[] }
  | { i32s: readonly number[] }
  | { f32s: readonly number[] };

export interface GgufTestTensor {
  name: string;
  /** In the order of the file: columns first. */
  dims: readonly number[];
  type: number;
  bytes: Uint8Array;
  /** In the data part; after the tensor before it where left out. */
  offset?: number;
}

export interface GgufTestFile {
  version?: number;
  metadata: readonly (readonly [key: string, value: GgufTestValue])[];
  tensors: readonly GgufTestTensor[];
  tensorCount?: bigint;
  entryCount?: bigint;
  alignment?: number;
}

export class Bytes {
  readonly list: number[] = [];

  u32(value: number): this {
    for (let i = 0; i < 4; i++) this.list.push((value >>> (8 * i)) & 255);
    return this;
  }

  u64(value: number | bigint): this {
    let rest = BigInt.asUintN(64, BigInt(value));
    for (let i = 0; i < 8; i++, rest >>= 8n) this.list.push(Number(rest & 255n));
    return this;
  }

  f32(value: number): this {
    this.list.push(...new Uint8Array(Float32Array.of(value).buffer));
    return this;
  }

  string(value: string): this {
    const bytes = new TextEncoder().encode(value);
    this.u64(bytes.length);
    for (const byte of bytes) this.list.push(byte);
    return this;
  }

  value(value: GgufTestValue): this {
    if ('u32' in value) return this.u32(4).u32(value.u32);
    if ('f32' in value) return this.u32(6).f32(value.f32);
    if ('string' in value) return this.u32(8).string(value.string);
    if ('bool' in value) {
      this.u32(7).list.push(value.bool ? 1 : 0);
      return this;
    }
    this.u32(9);
    if ('strings' in value) {
      this.u32(8).u64(value.strings.length);
      for (const s of value.strings) this.string(s);
    } else if ('i32s' in value) {
      this.u32(5).u64(value.i32s.length);
      for (const n of value.i32s) this.u32(n);
    } else {
      this.u32(6).u64(value.f32s.length);
      for (const n of value.f32s) this.f32(n);
    }
    return this;
  }
}

export function buildGguf(file: GgufTestFile): Uint8Array<ArrayBuffer> {
  const alignment = file.alignment ?? 32;
  const aligned = (n: number): number => Math.ceil(n / alignment) * alignment;
  const head = new Bytes().u32(0x46554747).u32(file.version ?? 3);
  head.u64(file.tensorCount ?? file.tensors.length).u64(file.entryCount ?? file.metadata.length);
  for (const [key, value] of file.metadata) head.string(key).value(value);
  let next = 0;
  const offsets = file.tensors.map((t) => {
    const offset = t.offset ?? next;
    next = aligned(offset + t.bytes.byteLength);
    head.string(t.name).u32(t.dims.length);
    for (const dim of t.dims) head.u64(dim);
    head.u32(t.type).u64(offset);
    return offset;
  });
  const dataBegin = aligned(head.list.length);
  const size = file.tensors.reduce(
    (max, t, i) => Math.max(max, dataBegin + (offsets[i] ?? 0) + t.bytes.byteLength),
    head.list.length,
  );
  const out = new Uint8Array(size);
  out.set(head.list);
  file.tensors.forEach((t, i) => out.set(t.bytes, dataBegin + (offsets[i] ?? 0)));
  return out;
}
