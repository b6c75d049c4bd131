/**
 * Writes a pruned model that came from a GGUF file as a GGUF file again: the same metadata and order of tensors,
 * matrices in one type, vectors in F32, rows back in llama.cpp's order. Streams in bounded pieces.
 */
import { isFloatDtype } from '../core/dtypes';
import { LabError } from '../core/errors';
import { closeWeights, define, FileWriter, type WriteOptions, type WrittenWeights } from './exportWriter';
import type { GgufTensor } from './gguf';
import { f32Copy, fileShape, toFileLayout } from './ggufLayout';
import type { GgufOrigin } from './ggufModel';
import {
  encodeValues,
  FILE_TYPES,
  WRITTEN_TYPES,
  type GgufExportType,
  type WrittenType,
} from './ggufQuantize';
import type { OpenedModel } from './hfModel';
import type { ExportSink } from './sink';
import { tensorPieces } from './tensorBytes';

export const GGUF_EXPORT_NAME = 'model.gguf';

const FILE_TYPE = 'general.file_type';
const QUANTIZATION = 'general.quantization_version';
const CHUNK_BYTES = 4 << 20;

interface Planned {
  tensor: GgufTensor;
  /** Hugging Face name; null for a tensor that is copied as it is. */
  name: string | null;
  type: WrittenType;
  bytes: number;
  offset: number;
}

/**
 * Writes model.gguf. `tensors` and `shapes` of the result go by GGUF names, `matrices` by Hugging Face names, and
 * `names` leads from those to these.
 */
export async function writeGguf(
  model: OpenedModel,
  origin: GgufOrigin,
  type: GgufExportType,
  sink: ExportSink,
  options: WriteOptions,
): Promise<WrittenWeights> {
  const written: WrittenWeights = { files: [], tensors: {}, shapes: {}, matrices: {}, names: {} };
  const plan = planTensors(origin, type);
  const total = plan.reduce((sum, t) => sum + t.bytes, 0);
  const writer = await FileWriter.create(sink, GGUF_EXPORT_NAME, total, options.signal);
  let at = await writeHeader(writer, origin, type, plan);
  const { alignment } = origin.file;
  const dataBegin = Math.ceil(at / alignment) * alignment;
  for (const planned of plan) {
    const begin = dataBegin + planned.offset;
    await writer.write(new Uint8Array(begin - at));
    at = begin;
    writer.tensor(planned.tensor.name, planned.bytes);
    const put = async (bytes: Uint8Array): Promise<void> => {
      await writer.write(bytes);
      at += bytes.byteLength;
      options.onProgress?.(at - dataBegin, total);
    };
    if (planned.name === null) await copyRaw(origin, planned.tensor, put, options);
    else await writeTensor(model, origin, planned, planned.name, put, options, written);
    if (at !== begin + planned.bytes)
      throw new LabError(
        'InternalError',
        `${planned.tensor.name}: ${at - begin} bytes for ${planned.bytes}.`,
      );
    define(written.shapes, planned.tensor.name, planned.tensor.shape);
  }
  await closeWeights(writer, written);
  return written;
}

function planTensors(origin: GgufOrigin, type: GgufExportType): Planned[] {
  const names = new Map([...origin.tensors].map(([name, { tensor }]) => [tensor.name, name]));
  const { alignment } = origin.file;
  let offset = 0;
  return origin.file.order.flatMap((ggufName) => {
    const tensor = origin.meta.tensors.get(ggufName);
    if (!tensor) return [];
    const name = names.get(ggufName) ?? null;
    const to = writtenType(tensor, type);
    const block = WRITTEN_TYPES[to];
    const count = tensor.shape.reduce((a, b) => a * b, 1);
    const bytes = name === null ? tensor.end - tensor.begin : (count / block.weights) * block.bytes;
    const planned: Planned = { tensor, name, type: to, bytes, offset };
    offset = Math.ceil((offset + bytes) / alignment) * alignment;
    return [planned];
  });
}

/** As llama.cpp's converter decides: vectors and positions in F32; F16 where rows are not whole blocks. */
function writtenType(tensor: GgufTensor, type: GgufExportType): WrittenType {
  if (tensor.shape.length === 1 || tensor.name === 'position_embd.weight') return 'F32';
  if (type === 'q8_0') return (tensor.shape.at(-1) ?? 0) % 32 === 0 ? 'Q8_0' : 'F16';
  return type === 'bf16' ? 'BF16' : 'F16';
}

/** Header, metadata and table of contents; returns their length. */
async function writeHeader(
  writer: FileWriter,
  origin: GgufOrigin,
  type: GgufExportType,
  plan: readonly Planned[],
): Promise<number> {
  const { file } = origin;
  const replaced = new Map<string, Uint8Array>([[FILE_TYPE, u32Entry(FILE_TYPE, FILE_TYPES[type])]]);
  if (type === 'q8_0' && !file.metadata.has(QUANTIZATION))
    replaced.set(QUANTIZATION, u32Entry(QUANTIZATION, 2));
  const keys = new Set([...file.metadata.keys(), ...replaced.keys()]);
  let length = 0;
  const put = async (bytes: Uint8Array): Promise<void> => {
    length += bytes.byteLength;
    await writer.write(bytes);
  };
  const head = new Uint8Array(24);
  const view = new DataView(head.buffer);
  view.setUint32(0, 0x46554747, true);
  view.setUint32(4, 3, true);
  view.setBigUint64(8, BigInt(plan.length), true);
  view.setBigUint64(16, BigInt(keys.size), true);
  await put(head);
  for (const key of keys) {
    const entry = file.metadata.get(key);
    const bytes = replaced.get(key);
    if (bytes) await put(bytes);
    else if (entry)
      for (let at = entry.begin; at < entry.end; at += CHUNK_BYTES)
        await put(await file.source.read(at, Math.min(entry.end, at + CHUNK_BYTES), writer.signal));
  }
  for (const planned of plan) await put(tensorInfo(planned));
  return length;
}

function named(name: string, rest: number): { bytes: Uint8Array; view: DataView; at: number } {
  const text = new TextEncoder().encode(name);
  const bytes = new Uint8Array(8 + text.byteLength + rest);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(text.byteLength), true);
  bytes.set(text, 8);
  return { bytes, view, at: 8 + text.byteLength };
}

function u32Entry(key: string, value: number): Uint8Array {
  const { bytes, view, at } = named(key, 8);
  view.setUint32(at, 4, true);
  view.setUint32(at + 4, value, true);
  return bytes;
}

function tensorInfo({ tensor, name, type, offset }: Planned): Uint8Array {
  const { shape } = tensor;
  const { bytes, view, at } = named(tensor.name, 4 + 8 * shape.length + 12);
  view.setUint32(at, shape.length, true);
  [...shape].reverse().forEach((n, i) => view.setBigUint64(at + 4 + 8 * i, BigInt(n), true));
  const end = at + 4 + 8 * shape.length;
  // What is copied as it is was read as F32 only.
  view.setUint32(end, WRITTEN_TYPES[name === null ? 'F32' : type].id, true);
  view.setBigUint64(end + 4, BigInt(offset), true);
  return bytes;
}

async function copyRaw(
  origin: GgufOrigin,
  tensor: GgufTensor,
  put: (bytes: Uint8Array) => Promise<void>,
  options: WriteOptions,
): Promise<void> {
  if (tensor.type.name !== 'F32')
    throw new LabError(
      'ModelError',
      `${origin.file.source.name}: tensor ${tensor.name} is ${tensor.type.name}; it can only be copied as F32.`,
      'Export a Hugging Face folder.',
    );
  await put(await origin.file.source.read(tensor.begin, tensor.end, options.signal));
}

async function writeTensor(
  model: OpenedModel,
  origin: GgufOrigin,
  planned: Planned,
  name: string,
  put: (bytes: Uint8Array) => Promise<void>,
  options: WriteOptions,
  written: WrittenWeights,
): Promise<void> {
  const entry = model.tensors.get(name);
  const layout = origin.tensors.get(name)?.layout;
  if (!entry || !layout || !isFloatDtype(entry.dtype))
    throw new LabError('InternalError', `There is no tensor ${name}.`);
  const { dtype } = entry;
  const [, cols] = fileShape(planned.tensor.shape);
  let zeros = 0;
  const encode = async (bytes: Uint8Array): Promise<void> => {
    const encoded = encodeValues(toFileLayout(f32Copy(bytes, dtype), cols, layout), planned.type);
    zeros += encoded.zeros;
    await put(encoded.bytes);
  };
  const replaced = await options.changed(name);
  // Pieces hold whole units of rows, within which a layout moves them.
  if (replaced) await encode(replaced);
  else for await (const piece of tensorPieces(entry, options.signal)) await encode(piece.bytes);
  if (!replaced) return;
  define(written.matrices, name, { zeros, count: planned.tensor.shape.reduce((a, b) => a * b, 1) });
  define(written.names ?? {}, name, planned.tensor.name);
}
