/**
 * Reads the table of contents of a GGUF file (version 2 and 3, little-endian; the format is described in
 * github.com/ggml-org/ggml, docs/gguf.md). Nothing is believed until it was compared with the bytes that exist. Arrays
 * stay in the file until somebody asks for them: a vocabulary is walked over, not held.
 */
import { LabError } from '../core/errors';
import { elementCount } from './safetensors';
import { GgufCursor } from './ggufCursor';
import { BLOCK_TYPES, OTHER_TYPES, READ_TYPES, type BlockType } from './ggufTypes';
import { quoteName } from './json';
import type { ByteSource } from './source';

/** Element types of metadata; the position in the list is the number in the file. */
const VALUE_TYPES = [
  'u8', 'i8', 'u16', 'i16', 'u32', 'i32', 'f32', 'bool', 'string', 'array', 'u64', 'i64', 'f64',
] as const; // prettier-ignore
export type GgufValueType = (typeof VALUE_TYPES)[number];
const VALUE_BYTES: Partial<Record<GgufValueType, number>> = {
  u8: 1, i8: 1, u16: 2, i16: 2, u32: 4, i32: 4, f32: 4, bool: 1, u64: 8, i64: 8, f64: 8,
}; // prettier-ignore

export interface GgufArray {
  of: GgufValueType;
  count: number;
  /** Where the elements lie in the file. */
  begin: number;
  end: number;
}

export interface GgufEntry {
  type: GgufValueType;
  /** Whole numbers beyond 2^53 are bigint. */
  value: number | bigint | boolean | string | GgufArray;
  /** The whole entry in the file, key included. */
  begin: number;
  end: number;
}

export interface GgufTensor {
  name: string;
  type: BlockType;
  /** Outermost dimension first, unlike in the file: [rows, columns]. */
  shape: number[];
  /** Absolute byte offsets. */
  begin: number;
  end: number;
}

export interface GgufFile {
  source: ByteSource;
  version: number;
  /** Tensors begin at multiples of this in the data part. */
  alignment: number;
  metadata: Map<string, GgufEntry>;
  /** In the order of the data part. */
  tensors: GgufTensor[];
  /** Names in the order of the table of contents. */
  order: string[];
  dataBegin: number;
}

/** The largest published files list a few thousand tensors and some hundred metadata entries. */
const MAX_TENSORS = 200_000;
const MAX_ENTRIES = 20_000;
/** Keys and names are below 64 bytes in practice; the format allows keys of 65,535. */
const MAX_NAME_BYTES = 1024;
/** Chat templates reach about 100 kB. */
const MAX_STRING_BYTES = 4 << 20;
const MAX_DIMENSIONS = 4;
const DEFAULT_ALIGNMENT = 32;
const MAX_ALIGNMENT = 1 << 20;
const RE_SPLIT = /-\d{5}-of-(?<count>\d{5})\.gguf$/;

/** FormatError when the file is not a complete GGUF file; ModelError for a tensor type that is not read. */
export async function readGguf(source: ByteSource, signal?: AbortSignal): Promise<GgufFile> {
  refuseSplit(source.name, Number(RE_SPLIT.exec(source.name)?.groups?.count ?? 1));
  const cursor = new GgufCursor(source, 0, source.size, signal);
  const version = await readVersion(cursor);
  await cursor.need(16, 'the header');
  const tensorCount = cursor.u64();
  const entryCount = cursor.u64();
  // A tensor takes at least 24 bytes of the table, an entry 13.
  if (tensorCount > Math.min(MAX_TENSORS, cursor.remaining / 24))
    throw cursor.damaged(`the header says ${tensorCount} tensors in ${source.size} bytes`);
  if (entryCount > Math.min(MAX_ENTRIES, cursor.remaining / 13))
    throw cursor.damaged(`the header says ${entryCount} metadata entries in ${source.size} bytes`);
  const metadata = new Map<string, GgufEntry>();
  for (let i = 0; i < entryCount; i++) {
    const begin = cursor.at;
    const key = await cursor.string(MAX_NAME_BYTES, `the key of metadata entry ${i}`);
    if (metadata.has(key)) throw cursor.damaged(`the metadata key ${quoteName(key)} appears twice`);
    const { type, value } = await readValue(cursor, quoteName(key));
    metadata.set(key, { type, value, begin, end: cursor.at });
  }
  const splits = metadata.get('split.count')?.value;
  if (typeof splits === 'number') refuseSplit(source.name, splits);
  const alignment = readAlignment(cursor, metadata);
  const headers: TensorHeader[] = [];
  const names = new Set<string>();
  for (let i = 0; i < tensorCount; i++) {
    const tensor = await readTensorHeader(cursor, i);
    if (names.has(tensor.name)) throw cursor.damaged(`tensor ${quoteName(tensor.name)} appears twice`);
    names.add(tensor.name);
    headers.push(tensor);
  }
  const dataBegin = Math.ceil(cursor.at / alignment) * alignment;
  const tensors = headers.map((t) => place(cursor, t, alignment, dataBegin));
  tensors.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let end = dataBegin;
  for (const tensor of tensors) {
    if (tensor.begin < end)
      throw cursor.damaged(`tensor ${quoteName(tensor.name)} overlaps the tensor before it`);
    end = tensor.end;
  }
  return { source, version, alignment, metadata, tensors, order: [...names], dataBegin };
}

function refuseSplit(name: string, count: number): void {
  if (!(count > 1)) return;
  throw new LabError(
    'ModelError',
    `${name}: one part of a GGUF file split into ${count}; the lab reads whole files.`,
    'Join the parts with "llama-gguf-split --merge FIRST-PART OUT".',
  );
}

async function readVersion(cursor: GgufCursor): Promise<number> {
  const { source } = cursor;
  const refuse = (what: string, remedy: string): never => {
    throw new LabError('FormatError', `${source.name}: ${what}.`, remedy);
  };
  if (source.size < 24) refuse(`${source.size} bytes are too few for a GGUF file`, 'Fetch it again.');
  await cursor.need(8, 'the header');
  const view = cursor.view(8);
  const head = String.fromCharCode(...new Uint8Array(view.buffer, view.byteOffset, 8));
  if (head.startsWith('version '))
    refuse(
      'this is a Git LFS pointer, not a GGUF file',
      'Fetch the file itself, for example with "git lfs pull".',
    );
  if (/^(ggml|ggjt|ggla|lmgg|tjgg|fmgg)/.test(head))
    refuse(
      'this is a GGML file from before GGUF',
      'Convert it with the scripts of llama.cpp, or use a newer file.',
    );
  if (!head.startsWith('GGUF'))
    refuse('not a GGUF file: it does not begin with "GGUF"', 'Check the file; fetch it again.');
  const version = view.getUint32(4, true);
  if (version > 0xffff)
    refuse(
      'a big-endian GGUF file; the lab reads little-endian ones',
      'Convert it with gguf_convert_endian.py of llama.cpp.',
    );
  if (version !== 2 && version !== 3)
    refuse(
      `GGUF version ${version}; the lab reads 2 and 3`,
      'Convert the model again with today’s llama.cpp.',
    );
  return version;
}

async function readValue(cursor: GgufCursor, key: string): Promise<Pick<GgufEntry, 'type' | 'value'>> {
  const type = await readType(cursor, key);
  if (type === 'string') return { type, value: await cursor.string(MAX_STRING_BYTES, `metadata ${key}`) };
  if (type !== 'array') {
    await cursor.need(VALUE_BYTES[type] ?? 0, `metadata ${key}`);
    return { type, value: scalar(cursor, type, key) };
  }
  const of = await readType(cursor, key);
  if (of === 'array') throw cursor.damaged(`metadata ${key} is an array of arrays`);
  await cursor.need(8, `metadata ${key}`);
  const count = cursor.u64();
  const each = VALUE_BYTES[of] ?? 8;
  if (count > cursor.remaining / each)
    throw cursor.damaged(
      `metadata ${key} is said to have ${count} elements in ${cursor.remaining} remaining bytes`,
    );
  const begin = cursor.at;
  if (of === 'string') {
    for (let i = 0; i < count; i++) {
      if (!cursor.has(8)) await cursor.need(8, `metadata ${key}`);
      const length = cursor.u64();
      if (length > cursor.remaining)
        throw cursor.damaged(`string ${i} of metadata ${key} is said to have ${length} bytes`);
      cursor.at += length;
    }
  } else {
    cursor.at += count * each;
  }
  return { type, value: { of, count, begin, end: cursor.at } };
}

async function readType(cursor: GgufCursor, key: string): Promise<GgufValueType> {
  await cursor.need(4, `metadata ${key}`);
  const number = cursor.u32();
  const type = VALUE_TYPES[number];
  if (type === undefined) throw cursor.damaged(`metadata ${key} has the unknown type ${number}`);
  return type;
}

function scalar(cursor: GgufCursor, type: GgufValueType, key: string): number | bigint | boolean {
  const view = cursor.view(VALUE_BYTES[type] ?? 0);
  if (type === 'bool') {
    const value = view.getUint8(0);
    if (value > 1) throw cursor.damaged(`metadata ${key} is neither true nor false`);
    return value === 1;
  }
  return numberAt(view, 0, type);
}

function numberAt(view: DataView, at: number, type: GgufValueType): number | bigint {
  switch (type) {
    case 'u8':
    case 'bool':
      return view.getUint8(at);
    case 'i8':
      return view.getInt8(at);
    case 'u16':
      return view.getUint16(at, true);
    case 'i16':
      return view.getInt16(at, true);
    case 'u32':
      return view.getUint32(at, true);
    case 'i32':
      return view.getInt32(at, true);
    case 'f32':
      return view.getFloat32(at, true);
    case 'f64':
      return view.getFloat64(at, true);
    default: {
      const big = type === 'u64' ? view.getBigUint64(at, true) : view.getBigInt64(at, true);
      return Number.isSafeInteger(Number(big)) ? Number(big) : big;
    }
  }
}

function readAlignment(cursor: GgufCursor, metadata: Map<string, GgufEntry>): number {
  const value = metadata.get('general.alignment')?.value ?? DEFAULT_ALIGNMENT;
  if (typeof value !== 'number' || value < 1 || value > MAX_ALIGNMENT || !Number.isInteger(Math.log2(value)))
    throw cursor.damaged('general.alignment is not a power of two up to 2^20');
  return value;
}

interface TensorHeader {
  name: string;
  type: BlockType;
  shape: number[];
  /** In the data part. */
  offset: number;
}

async function readTensorHeader(cursor: GgufCursor, index: number): Promise<TensorHeader> {
  const name = await cursor.string(MAX_NAME_BYTES, `the name of tensor ${index}`);
  const what = `tensor ${quoteName(name)}`;
  await cursor.need(4, what);
  const rank = cursor.u32();
  if (rank < 1 || rank > MAX_DIMENSIONS) throw cursor.damaged(`${what} has ${rank} dimensions`);
  await cursor.need(8 * rank + 12, what);
  const shape = Array.from({ length: rank }, () => cursor.u64()).reverse();
  const number = cursor.u32();
  const offset = cursor.u64();
  const count = elementCount(shape);
  if (count === null || count === 0)
    throw cursor.damaged(`${what} has the impossible shape [${shape.join(', ')}]`);
  const type = BLOCK_TYPES.get(number);
  if (!type) {
    const known = OTHER_TYPES.get(number);
    if (known === undefined) throw cursor.damaged(`${what} has the unknown type ${number}`);
    throw new LabError(
      'ModelError',
      `${cursor.source.name}: ${what} is ${known}; of the GGUF types the lab reads ${READ_TYPES}.`,
      'Use a file of the same model in another quantisation, for example Q8_0.',
    );
  }
  const columns = shape.at(-1) ?? 0;
  if (columns % type.weights !== 0)
    throw cursor.damaged(
      `${what} is ${type.name} with rows of ${columns}, not a multiple of ${type.weights}`,
    );
  return { name, type, shape, offset };
}

function place(cursor: GgufCursor, t: TensorHeader, alignment: number, dataBegin: number): GgufTensor {
  const what = `tensor ${quoteName(t.name)}`;
  const bytes = ((elementCount(t.shape) ?? Infinity) / t.type.weights) * t.type.bytes;
  if (t.offset % alignment !== 0)
    throw cursor.damaged(`${what} begins at byte ${t.offset}, not a multiple of ${alignment}`);
  const begin = dataBegin + t.offset;
  if (!(begin + bytes <= cursor.end)) {
    const data = Math.max(0, cursor.end - dataBegin);
    throw cursor.damaged(
      `${what} lies at bytes ${t.offset} to ${t.offset + bytes} of a data part of ${data} bytes`,
    );
  }
  return { name: t.name, type: t.type, shape: t.shape, begin, end: begin + bytes };
}

/** The strings of an array; null where there is no such array. FormatError when one is not UTF-8. */
export async function ggufStrings(file: GgufFile, key: string): Promise<string[] | null> {
  const array = arrayAt(file, key);
  if (array?.of !== 'string') return null;
  const cursor = new GgufCursor(file.source, array.begin, array.end);
  const out: string[] = [];
  for (let i = 0; i < array.count; i++) out.push(await cursor.string(MAX_STRING_BYTES, `${key}[${i}]`));
  return out;
}

/** The numbers of an array (false and true as 0 and 1); null where there is no such array. */
export async function ggufNumbers(file: GgufFile, key: string): Promise<Float64Array | null> {
  const array = arrayAt(file, key);
  if (!array || array.of === 'string') return null;
  const width = VALUE_BYTES[array.of] ?? 1;
  const cursor = new GgufCursor(file.source, array.begin, array.end);
  const out = new Float64Array(array.count);
  for (let i = 0; i < array.count; i++) {
    if (!cursor.has(width)) await cursor.need(width, key);
    out[i] = Number(numberAt(cursor.view(width), 0, array.of));
  }
  return out;
}

function arrayAt(file: GgufFile, key: string): GgufArray | null {
  const value = file.metadata.get(key)?.value;
  return typeof value === 'object' ? value : null;
}
