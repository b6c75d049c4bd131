/** Whatever the bytes: a result or a FormatError, no other exception, no hang, no read beyond the file. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LabError } from '../core/errors';
import { openModel } from './hfModel';
import { readSafetensorsHeader } from './safetensors';
import { encodeSafetensors } from './safetensorsWriter';
import { memorySource, type ByteSource } from './source';
import { TokenizerEngine } from './tokenizerEngine';
import { verifyExport } from './verifyExport';

const RUNS = { numRuns: 400, interruptAfterTimeLimit: 10_000, markInterruptAsFailure: true };

const tensor = fc.record({
  name: fc.oneof(
    fc.string({ maxLength: 12 }),
    fc.constantFrom('__proto__', 'constructor', '__metadata', 'toString', ''),
  ),
  dtype: fc.constantFrom('F32' as const, 'F16' as const, 'BF16' as const, 'U8' as const, 'I64' as const),
  shape: fc.array(fc.nat({ max: 4 }), { maxLength: 3 }),
});
const WIDTH = { F32: 4, F16: 2, BF16: 2, U8: 1, I64: 8 };

/** A well-formed file of a few tensors. */
const validFile = fc.uniqueArray(tensor, { selector: (t) => t.name, maxLength: 5 }).map((tensors) =>
  encodeSafetensors(
    tensors.map((t) => ({
      ...t,
      bytes: new Uint8Array(t.shape.reduce((a, b) => a * b, 1) * WIDTH[t.dtype]).fill(1),
    })),
  ),
);

type Mutation = (bytes: Uint8Array) => Uint8Array;
const EVIL = [
  '-1',
  '1e400',
  '9007199254740993',
  '18446744073709551615',
  '[[[[',
  '}}}}',
  '{"a":{',
  '\\ud800',
  '"__metadata__":{"":1},',
  'null',
  '\0',
  '99999999999',
];

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(fc.nat(), fc.nat({ max: 255 })).map(([at, value]): Mutation => (bytes) => {
    const out = bytes.slice();
    if (out.length > 0) out[at % out.length] = value;
    return out;
  }),
  fc.nat().map(
    (at): Mutation =>
      (bytes) =>
        bytes.slice(0, at % (bytes.length + 1)),
  ),
  fc.tuple(fc.nat(), fc.constantFrom(...EVIL)).map(([at, text]): Mutation => (bytes) => {
    const place = at % (bytes.length + 1);
    return Uint8Array.from([
      ...bytes.slice(0, place),
      ...new TextEncoder().encode(text),
      ...bytes.slice(place),
    ]);
  }),
  // The same, with the header length made right, so that the parser itself is reached.
  fc
    .tuple(fc.nat(), fc.constantFrom(...EVIL), fc.nat({ max: 8 }))
    .map(([at, text, cut]): Mutation => (bytes) => {
      if (bytes.length < 8) return bytes;
      const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
      if (length > bytes.length - 8) return bytes;
      const header = [...bytes.slice(8, 8 + length)];
      header.splice(at % (header.length + 1), cut, ...new TextEncoder().encode(text));
      const out = new Uint8Array(8 + header.length + bytes.length - 8 - length);
      new DataView(out.buffer).setBigUint64(0, BigInt(header.length), true);
      out.set(header, 8);
      out.set(bytes.subarray(8 + length), 8 + header.length);
      return out;
    }),
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }).map((length): Mutation => (bytes) => {
    const out = bytes.slice();
    if (out.length >= 8) new DataView(out.buffer).setBigUint64(0, length, true);
    return out;
  }),
);

const mutatedFile = fc
  .tuple(validFile, fc.array(mutation, { minLength: 1, maxLength: 3 }))
  .map(([file, mutations]) => mutations.reduce<Uint8Array>((bytes, mutate) => mutate(bytes), file));

/** A source that fails the test when more is read at once than there is. */
function watched(bytes: Uint8Array): ByteSource {
  const inner = memorySource('m.safetensors', bytes);
  return {
    ...inner,
    read: (begin, end) => {
      expect(end - begin).toBeLessThanOrEqual(bytes.byteLength);
      return inner.read(begin, end);
    },
  };
}

async function onlyKinds(kinds: string[], run: () => unknown): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    expect(kinds).toContain(error.kind);
    expect(error.message.length).toBeLessThan(2000);
    expect(error.message).not.toMatch(/[\n\r]/);
  }
}

describe('weight files', () => {
  test('valid ones are read as they were written', async () => {
    await fc.assert(
      fc.asyncProperty(validFile, async (bytes) => {
        const { tensors, dataBegin } = await readSafetensorsHeader(watched(bytes));
        expect(tensors.reduce((at, t) => (expect(t.begin).toBe(at), t.end), dataBegin)).toBe(
          bytes.byteLength,
        );
      }),
      RUNS,
    );
  });

  test('mutated ones are read or refused, and what is read fits the file', async () => {
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(mutatedFile, (bytes) =>
        onlyKinds(['FormatError'], async () => {
          refused++;
          const { tensors } = await readSafetensorsHeader(watched(bytes));
          refused--;
          for (const t of tensors)
            expect(t.begin >= 8 && t.begin <= t.end && t.end <= bytes.byteLength).toBe(true);
        }),
      ),
      RUNS,
    );
    expect(refused).toBeGreaterThan(100);
  });

  test('the verifier survives them too', async () => {
    const record = {
      schema: 'prunelab.run/1',
      files: { 'model.safetensors': '0' },
      tensors: {},
      sparsity: { matrices: {} },
    };
    const pruning = new TextEncoder().encode(JSON.stringify(record));
    await fc.assert(
      fc.asyncProperty(mutatedFile, async (bytes) => {
        const files: Record<string, Uint8Array> = { 'pruning.json': pruning, 'model.safetensors': bytes };
        const of = (path: string): Uint8Array => files[path] ?? new Uint8Array(0);
        const result = await verifyExport({
          list: () => Promise.resolve(Object.keys(files)),
          size: (path) => Promise.resolve(of(path).byteLength),
          read: (path, begin, end) => {
            expect(end).toBeLessThanOrEqual(of(path).byteLength);
            return Promise.resolve(of(path).slice(begin, end));
          },
        });
        expect(result.ok).toBe(false);
      }),
      { ...RUNS, numRuns: 150 },
    );
  });
});

/** JSON text of a value with a few parts replaced by something unexpected. */
function mutatedJson(value: unknown): fc.Arbitrary<string> {
  const strange = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom(-1, 1e300, '', null, [], {}, '../x', '('),
  );
  const change = fc.tuple(fc.nat(), strange);
  return fc.array(change, { minLength: 1, maxLength: 4 }).map((changes) => {
    let root = structuredClone(value);
    for (const [choice, replacement] of changes) {
      const places: [Record<string, unknown>, string][] = [];
      const walk = (node: unknown): void => {
        if (typeof node !== 'object' || node === null) return;
        for (const key of Object.keys(node)) {
          places.push([node as Record<string, unknown>, key]);
          walk((node as Record<string, unknown>)[key]);
        }
      };
      walk(root);
      const place = places[choice % Math.max(places.length, 1)];
      if (place) place[0][place[1]] = structuredClone(replacement);
      else root = replacement;
    }
    return JSON.stringify(root);
  });
}

const weights = encodeSafetensors([{ name: 'a', dtype: 'U8', shape: [1], bytes: Uint8Array.of(1) }]);

test('shard indexes and configs', async () => {
  const index = mutatedJson({
    metadata: { total_size: 1 },
    weight_map: { a: 's1.safetensors', b: 's1.safetensors' },
  });
  const config = mutatedJson({ model_type: 'llama', layers: [1, { x: 2 }] });
  const text = fc.oneof(index, fc.string());
  await fc.assert(
    fc.asyncProperty(text, fc.oneof(config, fc.string()), (indexText, configText) =>
      onlyKinds(['FormatError'], () => {
        const files: Record<string, Uint8Array> = {
          'config.json': new TextEncoder().encode(configText),
          'model.safetensors.index.json': new TextEncoder().encode(indexText),
          's1.safetensors': weights,
        };
        return openModel({
          name: 'm',
          paths: Object.entries(files).map(([path, bytes]) => ({ path, size: bytes.byteLength })),
          open: (path) => {
            const bytes = files[path];
            return bytes
              ? Promise.resolve(memorySource(path, bytes))
              : Promise.reject(new Error(`opened ${path}`));
          },
        });
      }),
    ),
    RUNS,
  );
});

test('tokenizer files', async () => {
  const tokenizer = {
    added_tokens: [{ id: 4, content: '<s>', special: true, lstrip: true }],
    normalizer: {
      type: 'Sequence',
      normalizers: [{ type: 'Replace', pattern: { String: ' ' }, content: '▁' }, { type: 'NFC' }],
    },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: '\\s+|a' }, behavior: 'Isolated', invert: false },
        { type: 'ByteLevel', add_prefix_space: true, use_regex: true },
      ],
    },
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [],
      special_tokens: { '<s>': { id: '<s>', ids: [4], tokens: ['<s>'] } },
    },
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        { type: 'Strip', content: ' ', start: 1, stop: 0 },
      ],
    },
    model: {
      type: 'BPE',
      vocab: { a: 0, b: 1, ab: 2, '<unk>': 3 },
      merges: [['a', 'b']],
      unk_token: '<unk>',
      byte_fallback: false,
    },
  };
  await fc.assert(
    fc.asyncProperty(mutatedJson(tokenizer), (json) =>
      onlyKinds(['FormatError'], () => new TokenizerEngine({ name: 'm', json, config: null })),
    ),
    RUNS,
  );
});
