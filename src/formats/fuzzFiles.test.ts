/**
 * The other files of a model, mutated: configs against their weights, windows, the record of an export, tokenizer
 * settings. A result or a named error, in bounded time, and never more read than the files hold.
 */
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LabError } from '../core/errors';
import { planModel } from '../models/inspect';
import { openModel } from './hfModel';
import { memorySource, type ModelFiles } from './source';
import { decodeText, parseWindowsJson } from './texts';
import { TokenizerEngine } from './tokenizerEngine';
import { verifyExport } from './verifyExport';

const RUNS = { numRuns: 300, interruptAfterTimeLimit: 15_000, markInterruptAsFailure: true };
/** Of one case; a hang is far above, a busy machine far below. */
const CASE_MS = 2000;

const folder = 'src/testing/fixtures/two-block';
const weights = new Uint8Array(await readFile(`${folder}/model.safetensors`));
const configText = await readFile(`${folder}/config.json`, 'utf8');
const config = JSON.parse(configText) as unknown;
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

const STRANGE = [-1, 0, 0.5, 1e308, -1e308, 2 ** 53, 1e15, '', '../x', '__proto__', null, true, [], {}, [[[]]], 'x'.repeat(3000)]; // prettier-ignore
const strange = fc.oneof(fc.constantFrom<unknown>(...STRANGE), fc.jsonValue({ maxDepth: 2 }));

/** `value` with a few of its parts replaced, as JSON text; sometimes cut, or with a key said twice. */
function mutated(value: unknown): fc.Arbitrary<string> {
  const places: string[][] = [];
  const walk = (node: unknown, path: string[]): void => {
    if (path.length > 0) places.push(path);
    if (typeof node === 'object' && node !== null)
      for (const [key, inner] of Object.entries(node)) walk(inner, [...path, key]);
  };
  walk(value, []);
  const changes = fc.array(fc.tuple(fc.constantFrom(...places), strange), { minLength: 1, maxLength: 3 });
  const ends = fc.oneof(
    fc.constant('whole'),
    fc.constant('whole'),
    fc.constantFrom('cut', 'twice', 'huge', 'deep'),
  );
  return fc.tuple(changes, ends, fc.nat()).map(([list, end, at]) => {
    const copy = structuredClone(value) as Record<string, unknown>;
    for (const [path, replacement] of list) {
      let parent: unknown = copy;
      for (const key of path.slice(0, -1)) parent = (parent as Record<string, unknown> | undefined)?.[key];
      if (typeof parent === 'object' && parent !== null)
        (parent as Record<string, unknown>)[path.at(-1) ?? ''] = replacement;
    }
    const text = JSON.stringify(copy);
    if (end === 'cut') return text.slice(0, at % text.length);
    if (end === 'twice') return text.replace(/^\{("(?:[^"\\]|\\.)*":)/, '{$1 1,$1');
    if (end === 'huge') return text.replace(/\d+/, '1'.repeat(400));
    if (end === 'deep') return `${'['.repeat(100_000)}${text}`;
    return text;
  });
}

async function named(kinds: string[], run: () => unknown): Promise<void> {
  const beganMs = performance.now();
  try {
    await run();
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    expect(kinds).toContain(error.kind);
    expect(error.message.length).toBeLessThan(2000);
  }
  expect(performance.now() - beganMs).toBeLessThan(CASE_MS);
}

/** Files that count what is read of them, and at once. */
function counted(files: Record<string, Uint8Array>): {
  files: ModelFiles;
  read: { sum: number; most: number };
} {
  const read = { sum: 0, most: 0 };
  return {
    read,
    files: {
      name: 'm',
      paths: Object.entries(files).map(([path, bytes]) => ({ path, size: bytes.byteLength })),
      open: (path) => {
        const inner = memorySource(path, files[path] ?? new Uint8Array());
        return Promise.resolve({
          ...inner,
          read: (begin, end) => {
            read.sum += end - begin;
            read.most = Math.max(read.most, end - begin);
            return inner.read(begin, end);
          },
        });
      },
    },
  };
}

test('a config that does not fit, lies or is no object: named, and nothing read beyond the headers', async () => {
  const total = weights.byteLength;
  await fc.assert(
    fc.asyncProperty(mutated(config), async (text) => {
      const { files, read } = counted({ 'config.json': encode(text), 'model.safetensors': weights });
      await named(['FormatError', 'ModelError'], async () => planModel(await openModel(files)));
      expect(read.sum).toBeLessThanOrEqual(2 * (total + text.length));
    }),
    RUNS,
  );
});

test.each([
  ['a list', '[]'],
  ['a number', '7'],
  ['nothing', ''],
  ['a web page', '<!DOCTYPE html><html></html>', /web page/],
  ['a Git LFS pointer', 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n', /LFS/],
  ['nested without end', '['.repeat(4_000_000), /nests deeper/],
  [
    'a key said twice',
    configText.replace('{', '{"hidden_size":64,"hidden_size":64,'),
    /"hidden_size" appears twice/,
  ],
  ['a key said twice, once escaped', '{"a":1,"\\u0061":2}', /"a" appears twice/],
  ['layers without end', configText.replace(/"num_hidden_layers":\s*\d+/, '"num_hidden_layers": 1e308'), /num_hidden_layers/], // prettier-ignore
  ['more digits than a number has', configText.replace(/"hidden_size":\s*\d+/, `"hidden_size": ${'9'.repeat(1000)}`), /hidden_size/], // prettier-ignore
])('config.json is %s', async (_, text, message = /config\.json/) => {
  const { files } = counted({ 'config.json': encode(text), 'model.safetensors': weights });
  const beganMs = performance.now();
  await expect(openModel(files).then(planModel)).rejects.toMatchObject({ kind: 'FormatError', message: expect.stringMatching(message) as string }); // prettier-ignore
  expect(performance.now() - beganMs).toBeLessThan(CASE_MS);
});

test('a header that claims gigabytes costs nothing', async () => {
  for (const claim of [99_999_999n, 1n << 40n, (1n << 64n) - 1n]) {
    const bytes = new Uint8Array(1 << 20).fill(0x20);
    new DataView(bytes.buffer).setBigUint64(0, claim, true);
    bytes[8] = 0x7b;
    const { files, read } = counted({ 'config.json': encode(configText), 'model.safetensors': bytes });
    const before = process.memoryUsage();
    await expect(openModel(files)).rejects.toMatchObject({ kind: 'FormatError' });
    expect(read.most).toBeLessThanOrEqual(4096);
    const after = process.memoryUsage();
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(2 * bytes.byteLength);
  }
});

describe('texts', () => {
  const limits = { vocabulary: 100, context: 64 };
  test('windows of ids: used as given, or a TextError', async () => {
    const windows = { windows: [[1, 2, 3], [4, 5], Array.from({ length: 64 }, (_, i) => i)] };
    await fc.assert(
      fc.asyncProperty(fc.oneof(mutated(windows), fc.string()), (text) =>
        named(['TextError'], () => {
          const read = parseWindowsJson('w.json', text, limits);
          for (const window of read) {
            expect(window.length >= 2 && window.length <= limits.context).toBe(true);
            expect(window.every((id) => id < limits.vocabulary)).toBe(true);
          }
        }),
      ),
      RUNS,
    );
  });

  test('bytes that are no text', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), (bytes) =>
        named(['TextError'], () => decodeText('t.txt', bytes)),
      ),
      RUNS,
    );
  });
});

test('the record of an export: verified, refused or found to differ', async () => {
  const record = {
    schema: 'prunelab.run/1',
    spec: { pattern: '2:4' },
    model: { prunable: 16 },
    files: { 'model.safetensors': 'aa', 'config.json': 'bb' },
    tensors: { 'model.layers.0.mlp.down_proj.weight': 'cc' },
    shapes: { 'model.layers.0.mlp.down_proj.weight': [64, 96] },
    sparsity: {
      achieved: 0.5,
      layers: [0.5, 0.5],
      matrices: { 'model.layers.0.mlp.down_proj.weight': { zeros: 1, count: 2 } },
    },
  };
  await fc.assert(
    fc.asyncProperty(mutated(record), (text) => {
      const files: Record<string, Uint8Array> = {
        'pruning.json': encode(text),
        'model.safetensors': weights,
        'config.json': encode(configText),
      };
      const of = (path: string): Uint8Array => files[path] ?? new Uint8Array(0);
      return named(['FormatError'], async () => {
        const result = await verifyExport({
          list: () => Promise.resolve(Object.keys(files)),
          size: (path) => Promise.resolve(of(path).byteLength),
          read: (path, begin, end) => Promise.resolve(of(path).slice(begin, end)),
        });
        expect(result.ok).toBe(false);
      });
    }),
    { ...RUNS, numRuns: 120 },
  );
});

test('tokenizer_config.json', async () => {
  const json = await readFile(`${folder}/tokenizer.json`, 'utf8');
  const settings = {
    bos_token: { content: '<s>', lstrip: false },
    eos_token: '</s>',
    clean_up_tokenization_spaces: true,
    added_tokens_decoder: { 0: { content: '<s>', special: true } },
    model_max_length: 512,
    tokenizer_class: 'PreTrainedTokenizerFast',
  };
  await fc.assert(
    fc.asyncProperty(mutated(settings), (text) =>
      named(['FormatError'], () => {
        const engine = new TokenizerEngine({ name: 'm', json, config: text });
        expect(engine.decode(Array.from(engine.encode('The sea.'))).length).toBeGreaterThan(0);
      }),
    ),
    { ...RUNS, numRuns: 150 },
  );
});
