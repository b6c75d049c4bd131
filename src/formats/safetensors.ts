/**
 * Reads the table of contents of a safetensors file. Nothing is believed until it was compared with the bytes that
 * exist: header length, names, shapes, types, and that the tensors fill the data part without overlap or hole (the
 * rules of the reference implementation, github.com/huggingface/safetensors).
 */
import { DTYPE_BYTES, type Dtype } from '../core/dtypes';
import { LabError } from '../core/errors';
import { decodeUtf8, quoteName } from './json';
import { parseSafetensorsHeader, type HeaderTensor } from './safetensorsHeader';
import type { ByteSource } from './source';

export interface TensorEntry {
  name: string;
  dtype: Dtype;
  shape: number[];
  /** Path of the file that holds it. */
  file: string;
  source: ByteSource;
  /** Absolute byte offsets in `source`; row-major, little-endian. */
  begin: number;
  end: number;
  /** Set where the bytes in `source` are not yet those of `dtype`, row-major: read them through tensorBytes.ts. */
  stored?: StoredRows;
}

/** How the rows of a tensor lie in its file. Units of whole rows can be decoded one by one. */
export interface StoredRows {
  /** The file's own type, for example Q4_K. */
  type: string;
  rowsPerUnit: number;
  /** Bytes of a unit in the file. */
  unitBytes: number;
  /** Raw bytes of whole units to row-major bytes in the entry's dtype. */
  decode(raw: Uint8Array): Uint8Array<ArrayBuffer>;
}

export interface SafetensorsHeader {
  /** In the order of the data part. */
  tensors: TensorEntry[];
  metadata: Record<string, string>;
  /** Length of the JSON text, without the 8 bytes in front of it. */
  headerBytes: number;
  /** Where the data part begins: 8 + headerBytes. */
  dataBegin: number;
}

/** The reference implementation's limit: a header of this size would describe over a million tensors. */
export const MAX_HEADER_BYTES = 100_000_000;

/** Reads and checks the header. FormatError when the file is anything but a complete safetensors file. */
export async function readSafetensorsHeader(
  source: ByteSource,
  signal?: AbortSignal,
): Promise<SafetensorsHeader> {
  const file = source.name;
  await refuseOtherFormats(source, signal);
  if (source.size < 10) {
    throw damaged(file, `${source.size} bytes are too few for a safetensors file`);
  }
  const prefix = await source.read(0, 8, signal);
  const length = new DataView(prefix.buffer, prefix.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES)) {
    throw damaged(
      file,
      `the header says it is ${length} bytes long, more than the limit of ${MAX_HEADER_BYTES}`,
    );
  }
  const headerBytes = Number(length);
  const dataBegin = 8 + headerBytes;
  if (headerBytes < 2 || dataBegin > source.size) {
    throw damaged(file, `the header says it is ${headerBytes} bytes long in a file of ${source.size}`);
  }
  const bytes = await source.read(8, dataBegin, signal);
  if (bytes[0] !== 0x7b) throw damaged(file, 'the header does not begin with "{"');
  const header = parseSafetensorsHeader(file, decodeUtf8(file, bytes));
  const tensors = header.tensors.map((t) => checkTensor(source, t, dataBegin));
  tensors.sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkLayout(source, tensors, dataBegin);
  return { tensors, metadata: header.metadata, headerBytes, dataBegin };
}

function checkTensor(source: ByteSource, tensor: HeaderTensor, dataBegin: number): TensorEntry {
  const { name, dtype, shape, begin, end } = tensor;
  const what = `tensor ${quoteName(name)}`;
  if (!isDtype(dtype)) {
    const known = Object.keys(DTYPE_BYTES).join(', ');
    throw new LabError(
      'FormatError',
      `${source.name}: ${what} has the unknown type ${quoteName(dtype)}.`,
      `Known: ${known}.`,
    );
  }
  if (begin > end || end > source.size - dataBegin) {
    const data = source.size - dataBegin;
    throw damaged(source.name, `${what} lies at bytes ${begin} to ${end} of a data part of ${data} bytes`);
  }
  const count = elementCount(shape);
  if (count === null || count * DTYPE_BYTES[dtype] !== end - begin) {
    throw damaged(
      source.name,
      `${what} is ${dtype} of shape [${shape.join(', ')}] in ${end - begin} bytes, which do not fit`,
    );
  }
  return { name, dtype, shape, file: source.name, source, begin: dataBegin + begin, end: dataBegin + end };
}

/** Product of the dimensions, null beyond 2^53 - 1. A zero anywhere makes it 0. */
export function elementCount(shape: readonly number[]): number | null {
  if (shape.includes(0)) return 0;
  let count = 1;
  for (const n of shape) {
    count *= n;
    if (!Number.isSafeInteger(count)) return null;
  }
  return count;
}

function checkLayout(source: ByteSource, tensors: TensorEntry[], dataBegin: number): void {
  let cursor = dataBegin;
  for (const tensor of tensors) {
    if (tensor.begin !== cursor) {
      const fault = tensor.begin < cursor ? 'overlaps the tensor before it' : 'leaves a hole before it';
      throw damaged(source.name, `tensor ${quoteName(tensor.name)} ${fault} at byte ${tensor.begin}`);
    }
    cursor = tensor.end;
  }
  if (cursor !== source.size) {
    throw damaged(source.name, `the tensors end at byte ${cursor} of ${source.size}`);
  }
}

const SNIFF_BYTES = 16;

/** Files that often carry the wrong name get a message of their own. */
async function refuseOtherFormats(source: ByteSource, signal?: AbortSignal): Promise<void> {
  const head = await source.read(0, Math.min(SNIFF_BYTES, source.size), signal);
  // Some magic numbers are also legal header lengths; the brace that must follow the length decides.
  if (head[8] === 0x7b) return;
  const text = String.fromCharCode(...head);
  const refuse = (what: string, remedy: string): never => {
    throw new LabError('FormatError', `${source.name}: ${what}, not a safetensors file.`, remedy);
  };
  if (text.startsWith('version https://')) {
    refuse('this is a Git LFS pointer', 'Fetch the file itself, for example with "git lfs pull".');
  }
  if (text.startsWith('GGUF')) refuse('this is a GGUF file', 'Name it .gguf.');
  if (text.startsWith('PK\x03\x04')) refuse('this is a zip archive (a PyTorch .bin or .pt file)', CONVERT);
  if (/^\x80[\x02-\x05]/.test(text)) refuse('this is a Python pickle (a PyTorch file)', CONVERT);
  if (/^<(!doctype|html)/i.test(text))
    refuse('this is a web page', 'Fetch the file itself from the model page.');
}

export const CONVERT =
  'Convert it with transformers: AutoModelForCausalLM.from_pretrained(folder).save_pretrained(out, safe_serialization=True).';

function isDtype(dtype: string): dtype is Dtype {
  return Object.hasOwn(DTYPE_BYTES, dtype);
}

function damaged(file: string, what: string): LabError {
  return new LabError(
    'FormatError',
    `${file}: ${what}.`,
    'The file is damaged or incomplete; fetch it again.',
  );
}
