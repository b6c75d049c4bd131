import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LabError } from '../core/errors';
import { openModel } from './hfModel';
import { nodeFiles } from './nodeFiles.node';
import { encodeSafetensors } from './safetensorsWriter';
import { memorySource, type ModelFiles } from './source';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const CONFIG = utf8('{"model_type":"llama"}');

function memoryFiles(files: Record<string, Uint8Array>): ModelFiles {
  return {
    name: 'given',
    paths: Object.entries(files).map(([path, bytes]) => ({ path, size: bytes.byteLength })),
    open: (path) => {
      const bytes = files[path];
      return bytes ? Promise.resolve(memorySource(path, bytes)) : Promise.reject(new Error(`opened ${path}`));
    },
  };
}

const weights = (...names: string[]): Uint8Array =>
  encodeSafetensors(
    names.map((name, i) => ({ name, dtype: 'U8', shape: [1], bytes: Uint8Array.of(i + 1) })),
    { format: 'pt' },
  );

const index = (map: Record<string, unknown>): Uint8Array =>
  utf8(JSON.stringify({ metadata: { total_size: 3 }, weight_map: map }));

const sharded = {
  'config.json': CONFIG,
  'model.safetensors.index.json': index({ a: 's1.safetensors', b: 's2.safetensors', c: 's2.safetensors' }),
  's1.safetensors': weights('a'),
  's2.safetensors': weights('b', 'c'),
};

async function failure(promise: Promise<unknown>): Promise<LabError> {
  const error: unknown = await promise.then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(LabError);
  return error as LabError;
}

describe('folder layouts', () => {
  test('single file', async () => {
    const model = await openModel(
      memoryFiles({
        'config.json': CONFIG,
        'model.safetensors': weights('a', 'b'),
        'tokenizer.json': utf8('{}'),
      }),
    );
    expect([...model.tensors.keys()]).toEqual(['a', 'b']);
    expect(model).toMatchObject({ config: { model_type: 'llama' }, indexPath: null, warnings: [] });
    expect(model.metadata.get('model.safetensors')).toEqual({ format: 'pt' });
    expect(await model.tokenizerJson()).toBe('{}');
    expect(await model.tokenizerConfig()).toBeNull();
  });

  test('shards, each tensor read from the shard the index names', async () => {
    const model = await openModel(memoryFiles(sharded));
    expect(model.weightFiles.map((f) => f.path)).toEqual(['s1.safetensors', 's2.safetensors']);
    const c = model.tensors.get('c');
    expect(c?.file).toBe('s2.safetensors');
    expect(c && [...(await c.source.read(c.begin, c.end))]).toEqual([2]);
    expect(model.totalBytes).toBe(
      sharded['s1.safetensors'].byteLength + sharded['s2.safetensors'].byteLength,
    );
    expect((await failure(model.tokenizerJson())).message).toContain('no tokenizer.json');
  });

  test('tensors outside the index are a warning', async () => {
    const model = await openModel(memoryFiles({ ...sharded, 's1.safetensors': weights('a', 'stray') }));
    expect(model.warnings).toEqual([expect.stringContaining('1 tensors that the index does not name')]);
    expect(model.tensors.has('stray')).toBe(false);
  });

  test.each<[string, Record<string, Uint8Array | undefined>, string]>([
    ['missing shard', { 's2.safetensors': undefined }, '"s2.safetensors", missing here (1 of 2 shards)'],
    [
      'tensor not in its shard',
      { 's1.safetensors': weights('x') },
      's1.safetensors: tensor "a", which the index expects',
    ],
    [
      'path in the index',
      { 'model.safetensors.index.json': index({ a: '../s1.safetensors' }) },
      'not a plain file name',
    ],
    ['number in the index', { 'model.safetensors.index.json': index({ a: 1 }) }, 'not a plain file name'],
    ['empty map', { 'model.safetensors.index.json': index({}) }, 'weight map is empty'],
    ['no map', { 'model.safetensors.index.json': utf8('[]') }, 'no "weight_map"'],
    ['config missing', { 'config.json': undefined }, 'no config.json'],
    ['config not an object', { 'config.json': utf8('[1]') }, 'config.json: not a JSON object'],
    ['config broken', { 'config.json': utf8('{"a":') }, 'config.json: not valid JSON'],
    ['config a web page', { 'config.json': utf8('<!doctype html>') }, 'It is a web page'],
    ['config nested', { 'config.json': utf8('['.repeat(1000)) }, 'nests deeper'],
    ['config too large', { 'config.json': new Uint8Array((4 << 20) + 1) }, 'more than the limit'],
  ])('%s', async (_, change, message) => {
    const files = Object.fromEntries(
      Object.entries({ ...sharded, ...change }).filter((e): e is [string, Uint8Array] => e[1] !== undefined),
    );
    const error = await failure(openModel(memoryFiles(files)));
    expect(error.kind).toBe('FormatError');
    expect(error.message).toContain(message);
  });

  test.each([
    [['config.json', 'pytorch_model.bin'], 'PyTorch file'],
    [['config.json', 'm.gguf'], 'GGUF'],
    [['adapter_config.json', 'adapter_model.safetensors'], 'adapter'],
    [['config.json', 'a.safetensors', 'b.safetensors'], '2 weight files'],
    [['notes.txt'], 'Looked for model.safetensors'],
    [['model.safetensors'], 'no config.json'],
  ])('%j', async (names, message) => {
    const error = await failure(
      openModel(memoryFiles(Object.fromEntries(names.map((n) => [n, weights('a')])))),
    );
    expect(error.kind).toBe('FormatError');
    expect(error.message).toContain(message);
  });

  test('a nested folder is opened as the root; two models are ambiguous', async () => {
    const nested = {
      'x/y/config.json': CONFIG,
      'x/y/model.safetensors': weights('a'),
      'x/.DS_Store': utf8(''),
    };
    const model = await openModel(memoryFiles(nested));
    expect(model.weightFiles.map((f) => f.path)).toEqual(['model.safetensors']);
    expect([...model.tensors.values()][0]?.file).toBe('model.safetensors');
    const two = { 'x/config.json': CONFIG, 'y/config.json': CONFIG };
    expect((await failure(openModel(memoryFiles(two)))).message).toContain('several models');
    const lost = { 'x/model.safetensors': weights('a') };
    expect((await failure(openModel(memoryFiles(lost)))).message).toContain('no config.json');
  });
});

describe('files on disk', () => {
  let root = '';
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'prunelab-files-'));
    await mkdir(join(root, 'model'));
    for (const [path, bytes] of Object.entries(sharded)) await writeFile(join(root, 'model', path), bytes);
    await mkdir(join(root, 'linked'));
    await symlink(join(root, 'model', 'config.json'), join(root, 'linked', 'config.json'));
    await symlink(join(root, 'model', 's1.safetensors'), join(root, 'linked', 'model.safetensors'));
    await mkdir(join(root, 'broken'));
    await symlink(join(root, 'nowhere'), join(root, 'broken', 'config.json'));
    await writeFile(join(root, 'model', 'other.safetensors'), weights('lone'));
    await writeFile(join(root, 'model', 'model-00001-of-00002.safetensors'), weights('a'));
  });
  afterAll(() => rm(root, { recursive: true, force: true }));

  test('folder, folder around a folder, one shard, one file, links', async () => {
    expect((await openModel(await nodeFiles(join(root, 'model')))).tensors.size).toBe(3);
    expect(
      (await openModel(await nodeFiles(join(root, 'model/model-00001-of-00002.safetensors')))).tensors.size,
    ).toBe(3);
    const lone = await openModel(await nodeFiles(join(root, 'model/other.safetensors')));
    expect(lone.name).toBe('other');
    expect([...lone.tensors.keys()]).toEqual(['lone']);
    const linked = await openModel(await nodeFiles(join(root, 'linked')));
    expect(linked.name).toBe('linked');
    expect([...linked.tensors.keys()]).toEqual(['a']);
  });

  test('what is not there is named, with exit code 2', async () => {
    for (const path of [join(root, 'absent'), join(root, 'broken'), join(root, 'model/config.json/x')]) {
      const error = await failure(nodeFiles(path));
      expect(error).toMatchObject({ kind: 'FetchError', exitCode: 2 });
      expect(error.message).toContain(path);
    }
  });

  test('a file that changes while it is read is refused', async () => {
    const path = join(root, 'changing.json');
    await writeFile(path, 'before');
    const files = await nodeFiles(path);
    const source = await files.open('changing.json');
    await writeFile(path, 'afterwards');
    expect((await failure(source.read(0, 4))).message).toContain('changed while');
    expect((await failure(source.read(0, 99))).kind).toBe('FormatError');
  });
});
