/**
 * The table of contents of an exported GGUF file, read a second time: it shares no code with the reader and the writer
 * of this folder, so that a fault there cannot hide here.
 */
export interface GgufVerifyEntry {
  name: string;
  dtype: string;
  /** Rows first. */
  shape: number[];
  begin: number;
  end: number;
}

/** Types that the lab writes: name, weights and bytes of a block. */
const TYPES: Record<number, [name: string, weights: number, bytes: number]> = {
  0: ['F32', 1, 4],
  1: ['F16', 1, 2],
  8: ['Q8_0', 32, 34],
  30: ['BF16', 1, 2],
};
/** Bytes of a metadata value by its type; strings and arrays have none. */
const SIZES: Record<number, number> = { 0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8 };
const STRING = 8;
const ARRAY = 9;
/** Header and vocabulary together; the largest published ones are below 20 MB. */
const MAX_HEAD = 256 << 20;

/** Tensors in the order of their bytes. RangeError with one sentence when the file is not well-formed. */
export async function ggufEntries(
  size: number,
  read: (begin: number, end: number) => Promise<Uint8Array>,
): Promise<GgufVerifyEntry[]> {
  // The end of the table is known only when it has been read: a larger piece is tried until it holds it.
  for (let length = Math.min(size, 1 << 20); ; length = Math.min(size, MAX_HEAD, length * 4)) {
    const bytes = await read(0, length);
    try {
      return parse(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), size);
    } catch (error) {
      const more = error instanceof RangeError && error.message === CUT;
      if (!more) throw error;
      if (length >= Math.min(size, MAX_HEAD))
        throw new RangeError('the table of contents is cut off', { cause: error });
    }
  }
}

const CUT = 'cut';

function parse(view: DataView, size: number): GgufVerifyEntry[] {
  let at = 0;
  const take = (count: number): number => {
    if (!(count <= view.byteLength - at)) throw new RangeError(CUT);
    at += count;
    return at - count;
  };
  const u32 = (): number => view.getUint32(take(4), true);
  const u64 = (): number => Number(view.getBigUint64(take(8), true));
  const text = (): string => {
    const length = u64();
    if (length > size) throw new RangeError('a string is longer than the file');
    const begin = take(length);
    return new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + begin, length));
  };
  const skip = (type: number, count: number): void => {
    if (type === STRING) for (let i = 0; i < count; i++) take(u64());
    else if (SIZES[type] === undefined) throw new RangeError(`metadata of the type ${type}`);
    else take(SIZES[type] * count);
  };
  if (u32() !== 0x46554747) throw new RangeError('does not begin with GGUF');
  if (u32() !== 3) throw new RangeError('not of GGUF version 3');
  const tensors = u64();
  const entries = u64();
  let alignment = 32;
  for (let i = 0; i < entries; i++) {
    const key = text();
    const type = u32();
    if (key === 'general.alignment' && type === 4) {
      alignment = u32();
      continue;
    }
    if (type === ARRAY) {
      const of = u32();
      skip(of, u64());
    } else skip(type, 1);
  }
  const found: GgufVerifyEntry[] = [];
  for (let i = 0; i < tensors; i++) {
    const name = text();
    const rank = u32();
    if (rank < 1 || rank > 4) throw new RangeError(`${name}: ${rank} dimensions`);
    const shape = Array.from({ length: rank }, u64).reverse();
    const [dtype, weights, bytes] = TYPES[u32()] ?? [];
    const offset = u64();
    if (dtype === undefined || weights === undefined || bytes === undefined)
      throw new RangeError(`${name}: a type that is not written here`);
    const columns = shape.at(-1) ?? 0;
    const length = (shape.reduce((a, b) => a * b, 1) / weights) * bytes;
    if (columns % weights !== 0 || offset % alignment !== 0)
      throw new RangeError(`${name}: not whole blocks at an aligned place`);
    found.push({ name, dtype, shape, begin: offset, end: offset + length });
  }
  const data = Math.ceil(at / alignment) * alignment;
  let end = 0;
  found.sort((a, b) => a.begin - b.begin);
  for (const entry of found) {
    if (entry.begin !== end) throw new RangeError(`${entry.name}: overlap or hole at byte ${entry.begin}`);
    end = Math.ceil(entry.end / alignment) * alignment;
    entry.begin += data;
    entry.end += data;
  }
  if (found.at(-1)?.end !== size)
    throw new RangeError(`the tensors end at byte ${found.at(-1)?.end ?? 0} of ${size}`);
  return found;
}
