import { describe, expect, test } from 'vitest';
import { LabError } from '../core/errors';
import { readSafetensorsHeader } from './safetensors';
import { nodeSource } from './nodeFiles.node';
import { encodeSafetensors } from './safetensorsWriter';
import { memorySource, type ByteSource } from './source';

/** A file from a literal header and a number of data bytes. */
function file(
  header: string,
  dataBytes: number,
  lengthField = BigInt(new TextEncoder().encode(header).byteLength),
): ByteSource {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + text.byteLength + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, lengthField, true);
  bytes.set(text, 8);
  return memorySource('model.safetensors', bytes);
}

const entry = (dtype: string, shape: string, begin: number | string, end: number | string): string =>
  `{"dtype":"${dtype}","shape":${shape},"data_offsets":[${begin},${end}]}`;

async function failure(source: ByteSource): Promise<LabError> {
  const error: unknown = await readSafetensorsHeader(source).then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(LabError);
  expect((error as LabError).kind).toBe('FormatError');
  expect((error as LabError).message).toContain('model.safetensors');
  return error as LabError;
}

describe('well-formed files', () => {
  test('the demo model, written by another implementation', async () => {
    const source = await nodeSource('public/models/demo/model.safetensors');
    const { tensors, dataBegin } = await readSafetensorsHeader(source);
    const embedding = tensors.find((t) => t.name === 'model.embed_tokens.weight');
    expect(embedding).toMatchObject({ dtype: 'F16', shape: [4096, 128] });
    expect(tensors).toHaveLength(16 * 9 + 2);
    expect(tensors[0]?.begin).toBe(dataBegin);
    expect(tensors.at(-1)?.end).toBe(source.size);
  });

  test('round trip of every kind of name, empty and scalar tensors', async () => {
    const tensors = [
      { name: '__proto__', dtype: 'U8' as const, shape: [3], bytes: Uint8Array.of(1, 2, 3) },
      { name: 'constructor', dtype: 'F32' as const, shape: [], bytes: new Uint8Array(4) },
      { name: 'quote " slash \\ \u{1f40b}', dtype: 'F16' as const, shape: [0, 7], bytes: new Uint8Array(0) },
      { name: 'last', dtype: 'I64' as const, shape: [1, 2], bytes: new Uint8Array(16) },
    ];
    const read = await readSafetensorsHeader(
      memorySource('x', encodeSafetensors(tensors, { format: 'pt', ['__proto__']: 'yes' })),
    );
    expect(read.tensors.map((t) => t.name).sort()).toEqual(tensors.map((t) => t.name).sort());
    expect(Object.entries(read.metadata)).toEqual([['format', 'pt'], ['__proto__', 'yes']]); // prettier-ignore
    expect(read.dataBegin % 8).toBe(0);
    const proto = read.tensors.find((t) => t.name === '__proto__');
    expect(proto && [...(await proto.source.read(proto.begin, proto.end))]).toEqual([1, 2, 3]);
  });

  test('white space, escapes, null metadata, entries out of file order', async () => {
    const header = `{ "b\\u0041" : ${entry('U8', '[ 2 ]', 1, 3)},\n"a":${entry('U8', '[1]', 0, 1)},"__metadata__":null}  `;
    const { tensors } = await readSafetensorsHeader(file(header, 3));
    expect(tensors.map((t) => t.name)).toEqual(['a', 'bA']);
  });

  test('a header length that spells a magic number is still a header', async () => {
    const header = `{"a":${entry('U8', '[1]', 0, 1)}}`.padEnd(0x010280, ' ');
    expect((await readSafetensorsHeader(file(header, 1))).tensors).toHaveLength(1);
  });
});

describe('hostile and damaged files', () => {
  const one = (shape: string, begin: number | string, end: number | string, dtype = 'F16'): string =>
    `{"a":${entry(dtype, shape, begin, end)}}`;
  const cases: [string, string, number, string][] = [
    ['unknown type', one('[1]', 0, 2, 'F4'), 2, 'unknown type "F4"'],
    ['inherited type name', one('[1]', 0, 2, 'toString'), 2, 'unknown type "toString"'],
    [
      'duplicate tensor',
      `{"a":${entry('U8', '[1]', 0, 1)},"\\u0061":${entry('U8', '[1]', 1, 2)}}`,
      2,
      '"a" appears twice',
    ],
    [
      'duplicate field',
      '{"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
      1,
      '"dtype" twice',
    ],
    ['unknown field', '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":{}}}', 1, 'unknown field "x"'],
    ['missing field', '{"a":{"dtype":"U8","shape":[1]}}', 1, 'lacks dtype, shape or data_offsets'],
    ['metadata twice', '{"__metadata__":{},"__metadata__":{}}', 0, 'twice'],
    ['metadata not strings', '{"__metadata__":{"a":1}}', 0, 'not a string'],
    ['overlap', `{"a":${entry('U8', '[2]', 0, 2)},"b":${entry('U8', '[2]', 1, 3)}}`, 3, 'overlaps'],
    ['hole', `{"a":${entry('U8', '[1]', 0, 1)},"b":${entry('U8', '[1]', 2, 3)}}`, 3, 'hole'],
    ['hole at the front', one('[1]', 1, 3), 3, 'hole'],
    ['bytes after the last tensor', one('[1]', 0, 2), 3, 'end at byte'],
    ['end beyond the file', one('[4]', 0, 8), 4, 'data part of 4 bytes'],
    ['begin beyond end', one('[1]', 4, 2), 4, 'data part of 4 bytes'],
    ['shape too large for its bytes', one('[1000000000]', 0, 2), 2, 'do not fit'],
    ['product beyond 2^53', one('[4294967296,4294967296,4294967296]', 0, 2), 2, 'do not fit'],
    ['product that overflows to a small number', one('[4294967296,4294967296]', 0, 0), 0, 'do not fit'],
    ['negative dimension', one('[-1]', 0, 2), 2, 'not a whole number'],
    ['fraction', one('[1.5]', 0, 2), 2, 'not a whole number'],
    ['exponent', one('[1e1]', 0, 2), 2, 'not a whole number'],
    ['leading zero', one('[01]', 0, 2), 2, 'not a whole number'],
    ['huge integer', one('[1]', 0, '99999999999999999999999'), 2, 'not a whole number'],
    ['rank', one(`[${'1,'.repeat(64)}1]`, 0, 2), 2, 'more than 64 numbers'],
    ['three offsets', '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}}', 1, 'more than 2 numbers'],
    ['one offset', '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0]}}', 1, 'not two numbers'],
    ['array header', '[1,2,3,4]', 0, 'does not begin with'],
    ['text after the object', '{} x', 0, 'text after'],
    ['unterminated string', '{"aaaaaaa', 0, 'does not end'],
    ['control character', '{"a\u0001":1}', 0, 'control character'],
    ['half a surrogate pair', `{"\\ud800":${entry('U8', '[1]', 0, 1)}}`, 1, 'surrogate'],
    ['bad escape', `{"\\q":${entry('U8', '[1]', 0, 1)}}`, 1, 'escape'],
    ['deep nesting', `{"a":${'['.repeat(5000)}`, 0, 'not an object'],
    ['truncated object', '{"a":{"dtype":"U8"', 0, 'missing'],
  ];
  test.each(cases)('%s', async (_, header, dataBytes, message) => {
    expect((await failure(file(header, dataBytes))).message).toContain(message);
  });

  test('header longer than the file, than the limit, than 2^63', async () => {
    expect((await failure(file('{}', 0, 1000n))).message).toContain('1000 bytes long in a file of 10');
    expect((await failure(file('{}', 0, 1n << 40n))).message).toContain('more than the limit');
    expect((await failure(file('{}', 0, (1n << 64n) - 1n))).message).toContain('more than the limit');
    expect((await failure(file('{}', 0, 0n))).message).toContain('0 bytes long');
  });

  test('invalid UTF-8', async () => {
    const bytes = new Uint8Array(8 + 12).fill(0xff);
    new DataView(bytes.buffer).setBigUint64(0, 12n, true);
    bytes[8] = 0x7b;
    expect((await failure(memorySource('model.safetensors', bytes))).message).toContain('UTF-8');
  });

  test.each([
    ['', '0 bytes are too few'],
    ['version https://git-lfs.github.com/spec/v1\noid sha256:abc\n', 'Git LFS pointer'],
    ['PK\x03\x04\0\0\x08\x08\0\0 archive/data.pkl', 'zip archive'],
    ['\x80\x02}q\0X\x05\0\0\0model', 'pickle'],
    ['GGUF\x03\0\0\0 and more', 'GGUF'],
    ['<!DOCTYPE html><html></html>', 'web page'],
  ])('another format: %j', async (text, message) => {
    const bytes = Uint8Array.from(text, (c) => c.charCodeAt(0));
    expect((await failure(memorySource('model.safetensors', bytes))).message).toContain(message);
  });

  test('no read is larger than the file, whatever the header claims', async () => {
    const reads: number[] = [];
    const inner = file('{}', 0, 90_000_000n);
    const source = { ...inner, read: (a: number, b: number) => (reads.push(b - a), inner.read(a, b)) };
    await failure(source);
    expect(Math.max(...reads)).toBeLessThanOrEqual(inner.size);
  });
});
