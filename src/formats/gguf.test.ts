import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LabError } from '../core/errors';
import { buildGguf, Bytes, type GgufTestFile, type GgufTestTensor } from '../testing/ggufBuilder';
import { ggufNumbers, ggufStrings, readGguf } from './gguf';
import { memorySource, type ByteSource } from './source';

const tensor = (name: string, dims: number[], type: number, bytes: number): GgufTestTensor => ({
  name,
  dims,
  type,
  bytes: new Uint8Array(bytes).fill(1),
});
const VALID: GgufTestFile = {
  metadata: [
    ['general.architecture', { string: 'llama' }],
    ['llama.block_count', { u32: 2 }],
    ['llama.rope.freq_base', { f32: 10000 }],
    ['tokenizer.ggml.tokens', { strings: ['a', 'bé', ''] }],
    ['tokenizer.ggml.token_type', { i32s: [1, -3, 6] }],
    ['tokenizer.ggml.scores', { f32s: [0.5, -1] }],
    ['tokenizer.ggml.add_bos_token', { bool: true }],
  ],
  tensors: [tensor('a.weight', [32, 3], 8, 102), tensor('b.weight', [5], 0, 20)],
};

const read = (file: GgufTestFile): ReturnType<typeof readGguf> =>
  readGguf(memorySource('m.gguf', buildGguf(file)));

async function failure(promise: Promise<unknown>): Promise<LabError> {
  const error: unknown = await promise.then(
    () => null,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(LabError);
  return error as LabError;
}

describe('a GGUF file', () => {
  test.each([2, 3])('of version %i', async (version) => {
    const file = await read({ ...VALID, version });
    expect(file).toMatchObject({ version, alignment: 32, order: ['a.weight', 'b.weight'] });
    expect(file.metadata.get('llama.block_count')?.value).toBe(2);
    expect(file.metadata.get('llama.rope.freq_base')?.value).toBe(10000);
    expect(file.metadata.get('tokenizer.ggml.add_bos_token')?.value).toBe(true);
    expect(await ggufStrings(file, 'tokenizer.ggml.tokens')).toEqual(['a', 'bé', '']);
    expect(await ggufNumbers(file, 'tokenizer.ggml.token_type')).toEqual(Float64Array.of(1, -3, 6));
    expect(await ggufNumbers(file, 'tokenizer.ggml.scores')).toEqual(Float64Array.of(0.5, -1));
    expect(await ggufStrings(file, 'tokenizer.ggml.scores')).toBeNull();
    expect(await ggufNumbers(file, 'nothing')).toBeNull();
    const [a, b] = file.tensors;
    expect(a).toMatchObject({ shape: [3, 32], begin: file.dataBegin, end: file.dataBegin + 102 });
    expect(b).toMatchObject({ shape: [5], begin: file.dataBegin + 128 });
  });

  test('with another alignment, and a hole', async () => {
    const metadata = [...VALID.metadata, ['general.alignment', { u32: 64 }]] as GgufTestFile['metadata'];
    const [a, b] = VALID.tensors as [GgufTestTensor, GgufTestTensor];
    const file = await read({ metadata, tensors: [a, { ...b, offset: 256 }], alignment: 64 });
    expect(file.dataBegin % 64).toBe(0);
    expect(file.tensors[1]?.begin).toBe(file.dataBegin + 256);
  });
});

/** The metadata of VALID with one key's value replaced or added. */
const withEntry = (key: string, value: GgufTestFile['metadata'][number][1]): GgufTestFile => ({
  ...VALID,
  metadata: [...VALID.metadata.filter(([k]) => k !== key), [key, value]],
});
const withTensor = (t: Partial<GgufTestTensor>): GgufTestFile => ({
  ...VALID,
  tensors: [{ ...tensor('a.weight', [32, 3], 8, 102), ...t }],
});

describe('is refused by name', () => {
  const cases: [string, GgufTestFile, string][] = [
    ['version 1', { ...VALID, version: 1 }, 'GGUF version 1'],
    ['version 4', { ...VALID, version: 4 }, 'GGUF version 4'],
    ['big-endian', { ...VALID, version: 3 << 24 }, 'big-endian'],
    ['too many tensors', { ...VALID, tensorCount: 1n << 40n }, 'tensors in'],
    ['too many entries', { ...VALID, entryCount: (1n << 64n) - 1n }, 'metadata entries in'],
    ['one entry too many', { ...VALID, entryCount: 8n }, 'm.gguf'],
    ['one tensor too many', { ...VALID, tensorCount: 3n }, 'm.gguf'],
    ['a key twice', { ...VALID, metadata: [...VALID.metadata, ...VALID.metadata] }, 'appears twice'],
    ['a tensor twice', { ...VALID, tensors: [...VALID.tensors, ...VALID.tensors] }, 'appears twice'],
    ['alignment of 48', withEntry('general.alignment', { u32: 48 }), 'power of two'],
    ['alignment of 2^30', withEntry('general.alignment', { u32: 1 << 30 }), 'power of two'],
    ['alignment of 0', withEntry('general.alignment', { u32: 0 }), 'power of two'],
    ['one of three parts', withEntry('split.count', { u32: 3 }), 'split into 3'],
    ['no dimension', withTensor({ dims: [] }), '0 dimensions'],
    ['five dimensions', withTensor({ dims: [32, 1, 1, 1, 3] }), '5 dimensions'],
    ['a dimension of 0', withTensor({ dims: [32, 0] }), 'impossible shape'],
    ['a product beyond 2^53', withTensor({ dims: [2 ** 40, 2 ** 40], type: 0 }), 'impossible shape'],
    ['rows that are not whole blocks', withTensor({ dims: [33, 3] }), 'not a multiple of 32'],
    ['an offset between alignments', withTensor({ offset: 8 }), 'not a multiple of 32'],
    ['an offset beyond the file', withTensor({ dims: [32, 4] }), 'of a data part of'],
    ['a type without a number', withTensor({ type: 99 }), 'unknown type 99'],
    ['IQ2_XS', withTensor({ type: 17 }), 'is IQ2_XS'],
    ['F64', withTensor({ type: 28 }), 'is F64'],
    [
      'overlapping tensors',
      { ...VALID, tensors: VALID.tensors.map((t) => ({ ...t, offset: 0 })) },
      'overlaps the tensor before it',
    ],
  ];
  test.each(cases)('%s', async (_, file, message) => {
    const error = await failure(read(file));
    expect(error.message).toContain(message);
    expect(['FormatError', 'ModelError']).toContain(error.kind);
    expect(error.exitCode).toBe(2);
  });

  test.each([
    ['', 'too few'],
    ['version https://git-lfs.github.com/spec/v1\noid sha256:abc\n', 'Git LFS pointer'],
    ['ggjt\x03\0\0\0'.padEnd(40, '\0'), 'before GGUF'],
    ['PK\x03\x04'.padEnd(40, ' '), 'does not begin with "GGUF"'],
  ])('%j', async (text, message) => {
    const bytes = Uint8Array.from(text, (c) => c.charCodeAt(0));
    expect((await failure(readGguf(memorySource('m.gguf', bytes)))).message).toContain(message);
  });

  test('a part of a split file, by its name', async () => {
    const source = memorySource('m-00001-of-00003.gguf', buildGguf(VALID));
    expect((await failure(readGguf(source))).message).toContain('split into 3');
  });

  test.each([
    ['an array of arrays', new Bytes().u32(9).u32(9).u64(1).u32(4).u64(0), 'an array of arrays'],
    [
      'an array longer than the file',
      new Bytes()
        .u32(9)
        .u32(4)
        .u64(1n << 60n),
      'remaining bytes',
    ],
    ['a list of strings longer than the file', new Bytes().u32(9).u32(8).u64(1000), 'remaining bytes'],
    ['a string longer than the file', new Bytes().u32(8).u64(1n << 62n), 'is said to have'],
    ['a string in a list longer than the file', new Bytes().u32(9).u32(8).u64(1).u64(1e9), 'string 0 of'],
    ['a value type without a number', new Bytes().u32(13), 'unknown type 13'],
    ['a boolean of 2', new Bytes().u32(7).u32(2), 'neither true nor false'],
  ])('%s', async (_, value, message) => {
    const bytes = new Bytes().u32(0x46554747).u32(3).u64(0).u64(1).string('x');
    bytes.list.push(...value.list, ...new Array<number>(32).fill(0));
    const source = memorySource('m.gguf', Uint8Array.from(bytes.list));
    expect((await failure(readGguf(source))).message).toContain(message);
  });

  test('a name that is not UTF-8', async () => {
    const bytes = buildGguf(VALID);
    bytes[24 + 8] = 0xff;
    expect((await failure(readGguf(memorySource('m.gguf', bytes)))).message).toContain('UTF-8');
  });
});

describe('mutated files', () => {
  const valid = buildGguf(VALID);
  const place = fc.nat({ max: valid.length - 1 });
  const mutation = fc.oneof(
    fc.tuple(place, fc.nat({ max: 255 })).map(([at, value]) => (b: Uint8Array) => {
      if (at < b.length) b[at] = value;
      return b;
    }),
    // Whole 64-bit numbers, where counts, lengths and offsets stand.
    fc.tuple(place, fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })).map(([at, value]) => (b: Uint8Array) => {
      if (at + 8 <= b.length) new DataView(b.buffer, b.byteOffset).setBigUint64(at, value, true);
      return b;
    }),
    place.map((at) => (b: Uint8Array) => b.slice(0, at)),
    fc.tuple(place, fc.uint8Array({ maxLength: 24 })).map(
      ([at, more]) =>
        (b: Uint8Array) =>
          Uint8Array.from([...b.slice(0, at), ...more, ...b.slice(at)]),
    ),
  );

  test('give a table of contents or a LabError, and read no more than there is', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 3 }), async (mutations) => {
        const bytes = mutations.reduce<Uint8Array>((b, mutate) => mutate(b), valid.slice());
        const inner = memorySource('m.gguf', bytes);
        let total = 0;
        const source: ByteSource = {
          ...inner,
          read: (begin, end) => {
            expect(end - begin).toBeLessThanOrEqual(bytes.length);
            total += end - begin;
            return inner.read(begin, end);
          },
        };
        try {
          const file = await readGguf(source);
          for (const t of file.tensors) expect(t.end).toBeLessThanOrEqual(bytes.length);
          expect(await ggufStrings(file, 'tokenizer.ggml.tokens')).not.toBe(undefined);
        } catch (error) {
          if (!(error instanceof LabError)) throw error;
          expect(['FormatError', 'ModelError']).toContain(error.kind);
          expect(error.message).not.toMatch(/[\n\r]/);
        }
        expect(total).toBeLessThanOrEqual(2 * bytes.length);
      }),
      { numRuns: 1000, interruptAfterTimeLimit: 10_000, markInterruptAsFailure: true },
    );
  });
});
