import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LabError } from '../core/errors';
import { mixedText } from '../testing/mixedText';
import { openTokenizer, type SpawnTokenizer } from './tokenizer';
import { nodeTokenizer, workerTokenizer } from './tokenizer.node';
import { TokenizerEngine } from './tokenizerEngine';

interface Expected {
  count: number;
  sha256: string;
}
interface Case {
  base: string;
  patch: Record<string, unknown>;
  /** Of the mixed text; all of it when absent. */
  characters?: number;
  mixed: Expected;
  novel: Expected;
  decoded: string;
}
interface Fixture {
  text: { bytes: number; sha256: string };
  bases: Record<string, string>;
  cases: Record<string, Case>;
}
type Json = Record<string, unknown>;

const fixture = JSON.parse(await readFile('src/testing/fixtures/tokenizers.json', 'utf8')) as Fixture;
const demoJson = await readFile('public/models/demo/tokenizer.json', 'utf8');
const demoConfig = await readFile('public/models/demo/tokenizer_config.json', 'utf8');
const novel = await readFile('public/texts/moby-dick.txt', 'utf8');
const mixed = mixedText(fixture.text.bytes - 10);

/** Python counts code points. */
const firstCharacters = (text: string, count: number | undefined): string =>
  count === undefined ? text : Array.from(text).slice(0, count).join('');
const sha256 = (data: Uint8Array | string): string => createHash('sha256').update(data).digest('hex');
const summary = (ids: Uint32Array): Expected => ({
  count: ids.length,
  sha256: sha256(new Uint8Array(ids.buffer)),
});
const base = (name: string): Json =>
  JSON.parse(
    name === 'demo' ? demoJson : gunzipSync(Buffer.from(fixture.bases[name] ?? '', 'base64')).toString(),
  ) as Json;

function engineOf(name: string): TokenizerEngine {
  const entry = fixture.cases[name];
  if (!entry) throw new Error(name);
  const json = base(entry.base);
  for (const [key, value] of Object.entries(entry.patch)) {
    json[key] = key === 'model' ? { ...(json.model as Json), ...(value as Json) } : value;
  }
  return new TokenizerEngine({ name, json: JSON.stringify(json), config: null });
}

describe('ids equal those of the Rust implementation on 1 MB of mixed text and 200,000 characters of a novel', () => {
  test('the text is the one Python read', () => {
    expect(sha256(mixed)).toBe(fixture.text.sha256);
  });

  test.each(Object.entries(fixture.cases))('%s', (name, expected) => {
    const engine = engineOf(name);
    expect(summary(engine.encode(firstCharacters(mixed, expected.characters)))).toEqual(expected.mixed);
    expect(summary(engine.encode(novel.slice(0, 200_000)))).toEqual(expected.novel);
    expect(sha256(engine.decode(Array.from(engine.encode(firstCharacters(mixed, 3000)))))).toBe(
      expected.decoded,
    );
  });
});

describe('the demo tokenizer', () => {
  const demo = new TokenizerEngine({ name: 'demo', json: demoJson, config: demoConfig });

  test('facts', () => {
    expect(demo.vocabularySize).toBe(4096);
    expect(demo.specialIds).toEqual({ bos: 0, eos: [0] });
    expect(new TokenizerEngine({ name: 'demo', json: demoJson, config: null }).specialIds).toEqual({
      eos: [0],
    });
  });

  test('text survives the way there and back, ids outside the vocabulary do not throw', () => {
    const text = mixed.slice(0, 20_000).replaceAll('<|endoftext|>', '');
    expect(demo.decode(Array.from(demo.encode(text)))).toBe(text);
    expect(demo.decode([])).toBe('');
    expect(demo.decode([999_999])).toBe('');
  });

  test('encoding is the same whatever was encoded before', () => {
    const fresh = new TokenizerEngine({ name: 'demo', json: demoJson, config: null });
    demo.encode(novel.slice(0, 50_000));
    expect(demo.encode(mixed.slice(5000, 9000))).toEqual(fresh.encode(mixed.slice(5000, 9000)));
  });
});

describe('files that are not a tokenizer', () => {
  const patched = (change: Json): string => JSON.stringify({ ...(JSON.parse(demoJson) as Json), ...change });
  test.each([
    ['{', 'not valid JSON'],
    ['[]', 'not a JSON object'],
    ['{}', 'not a tokenizer'],
    ['{"model":{"type":"Other"}}', 'a model of the type "Other"'],
    ['{"model":{"type":"Other","vocab":{"a":0},"merges":[]}}', 'a model of the type "Other"'],
    ['{"model":{"type":"BPE","vocab":{"a":-1},"merges":[]}}', 'id -1'],
    ['{"model":{"type":"BPE","vocab":{"a":"x"},"merges":[]}}', 'id "x"'],
    ['{"model":{"type":"BPE","vocab":{"a":1e12},"merges":[]}}', 'id 1000000000000'],
    [patched({ pre_tokenizer: { type: 'Novel' } }), 'pre-tokenizer this lab does not know'],
    [
      patched({ pre_tokenizer: { type: 'Split', pattern: { Regex: '(' }, behavior: 'Isolated' } }),
      'Invalid regular expression',
    ],
    [patched({ normalizer: { type: 'Precompiled', precompiled_charsmap: '' } }), 'precompiled normalizer'],
    [patched({ decoder: { type: 'Novel' } }), 'Unknown Decoder'],
  ])('case %#', (json, message) => {
    expect(() => new TokenizerEngine({ name: 'm', json, config: null })).toThrow(
      expect.objectContaining({ kind: 'FormatError', message: expect.stringContaining(message) as string }),
    );
  });
});

describe('the worker', () => {
  let folder = '';
  let path = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'prunelab-worker-'));
    path = join(folder, 'tokenizerWorker.mjs');
    await build({
      configFile: false,
      logLevel: 'silent',
      publicDir: false,
      ssr: { target: 'node', noExternal: true },
      build: {
        ssr: 'src/formats/tokenizerWorker.node.ts',
        outDir: folder,
        rollupOptions: { output: { entryFileNames: 'tokenizerWorker.mjs' } },
      },
    });
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const files = { name: 'demo', json: demoJson, config: demoConfig };
  const failure = (promise: Promise<unknown>): Promise<unknown> => promise.then(() => null, (e: unknown) => e); // prettier-ignore

  test('gives what the engine gives, in either place', async () => {
    const engine = new TokenizerEngine(files);
    for (const handle of [await workerTokenizer(files, path), await nodeTokenizer(files)]) {
      expect(handle).toMatchObject({ vocabularySize: 4096, specialIds: { bos: 0, eos: [0] } });
      const ids = await handle.encode('Call me Ishmael.');
      expect(ids).toEqual(Array.from(engine.encode('Call me Ishmael.')));
      expect(await handle.decode(ids)).toBe('Call me Ishmael.');
      handle.close();
      expect(await failure(handle.encode('x'))).toMatchObject({ kind: 'CancelledError' });
    }
  });

  test('a regular expression that never ends is stopped, and the next call is served', async () => {
    // Exponential on a run of "a" without "b".
    const pattern = { type: 'Split', pattern: { Regex: '(a+)+b' }, behavior: 'Isolated', invert: false };
    const bytes = { type: 'ByteLevel', add_prefix_space: false, use_regex: false, trim_offsets: true };
    const pre = { type: 'Sequence', pretokenizers: [pattern, bytes] };
    const json = JSON.stringify({ ...(JSON.parse(demoJson) as Json), pre_tokenizer: pre });
    const handle = await workerTokenizer({ name: 'evil', json, config: null }, path, {
      baseMs: 60_000,
      perMillionMs: 0,
      stallMs: 2000,
    });
    const [first, second] = await Promise.all([failure(handle.encode('a'.repeat(60))), handle.encode('aab')]);
    expect(first).toBeInstanceOf(LabError);
    expect(first).toMatchObject({ kind: 'TextError', exitCode: 2 });
    expect((first as LabError).message).toContain('evil: tokenising made no progress for 2 s');
    expect(second.length).toBeGreaterThan(0);
    // Another text of that length is not waited for again.
    const beganMs = performance.now();
    const third = await failure(handle.encode('a'.repeat(50)));
    expect(performance.now() - beganMs).toBeLessThan(500);
    expect(third).toBe(first);
    handle.close();
  });

  test('slow is not stuck: signs of progress keep a call alive', async () => {
    let beats = 0;
    new TokenizerEngine(files).encode(novel.slice(0, 100_000), () => beats++);
    expect(beats).toBeGreaterThan(50);

    const answering =
      (beatMs: number): SpawnTokenizer =>
      (reply) => ({
        terminate: () => undefined,
        post: ({ id, op }) => {
          if (op === 'open') reply({ id, op, info: { vocabularySize: 1, specialIds: { eos: [] } } });
          for (let ms = beatMs; ms < 600; ms += beatMs) setTimeout(() => reply({ id, op: 'beat' }), ms);
          setTimeout(() => reply({ id, op: 'encode', ids: Uint32Array.of(7) }), 600);
        },
      });
    const limits = { baseMs: 10_000, perMillionMs: 0, stallMs: 300 };
    const alive = await openTokenizer(files, answering(60), limits);
    expect(await alive.encode('text')).toEqual([7]);
    const silent = await openTokenizer(files, answering(10_000), limits);
    expect(await failure(silent.encode('text'))).toMatchObject({ kind: 'TextError' });
  });

  test('cancelling ends the call at once', async () => {
    const handle = await workerTokenizer(files, path);
    const cancel = new AbortController();
    const running = failure(handle.encode(novel, cancel.signal));
    cancel.abort();
    expect(await running).toMatchObject({ kind: 'CancelledError' });
    handle.close();
  });

  test('a broken file is said, not thrown at the program', async () => {
    const error = await failure(workerTokenizer({ name: 'm', json: '{}', config: null }, path));
    expect(error).toBeInstanceOf(LabError);
    expect(error).toMatchObject({ kind: 'FormatError' });
    const absent = await failure(workerTokenizer(files, join(folder, 'absent.mjs')));
    expect(absent).toMatchObject({ kind: 'TextError' });
  });
});
