import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { LabError } from '../core/errors';
import { bufferedSource } from './bufferedSource';
import { openModel } from './hfModel';
import { hubFiles, parseHubId, resolveHub, type HubOptions } from './hub';
import { openHubCached } from './hubCache.node';
import { encodeSafetensors } from './safetensorsWriter';
import { memorySource } from './source';

const COMMIT = 'c0ffee'.padEnd(40, '0');
const weights = encodeSafetensors([
  { name: 'a', dtype: 'U8', shape: [5000], bytes: new Uint8Array(5000).fill(7) },
]);
const contents: Record<string, Uint8Array> = {
  'config.json': new TextEncoder().encode('{"model_type":"llama"}'),
  'tokenizer.json': new TextEncoder().encode('{}'),
  'model.safetensors': weights,
  'README.md': new TextEncoder().encode('---\nlicense: mit\n---\n'),
  'train.py': new TextEncoder().encode('print()'),
  'pytorch_model.bin': new Uint8Array(9000),
  'model.fp16.safetensors': new Uint8Array(100),
};

let server: Server;
let hubUrl = '';
let requests: string[] = [];
/** Answers instead of the Hub when it returns true. */
let intercept: (request: IncomingMessage, response: ServerResponse) => boolean = () => false;

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** The few addresses of a Hub that are used: revision, tree in two pages, resolve with a redirect, ranges. */
function hub(request: IncomingMessage, response: ServerResponse): void {
  const { pathname, searchParams } = new URL(request.url ?? '', hubUrl);
  const json = (value: unknown, headers: Record<string, string> = {}): void => {
    response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
  };
  if (pathname === '/api/models/owner/name/revision/main') {
    json({ id: 'owner/name', sha: COMMIT });
    return;
  }
  if (pathname === `/api/models/owner/name/tree/${COMMIT}`) {
    const entries = Object.entries(contents).map(([path, bytes]) => ({
      type: 'file',
      path,
      size: bytes.byteLength,
      oid: '0',
      ...(path.endsWith('.safetensors')
        ? { lfs: { oid: sha256(bytes), size: bytes.byteLength, pointerSize: 130 } }
        : {}),
    }));
    if (searchParams.get('cursor')) {
      json(entries.slice(3));
      return;
    }
    json([...entries.slice(0, 3), { type: 'directory', path: 'onnx', size: 0 }], {
      link: `<${hubUrl}${pathname}?cursor=1>; rel="next"`,
    });
    return;
  }
  const file = new RegExp(`^/owner/name/resolve/${COMMIT}/(.+)$`).exec(pathname)?.[1];
  if (file) return void response.writeHead(302, { location: `/cdn/${file}` }).end();
  const bytes = contents[/^\/cdn\/(.+)$/.exec(pathname)?.[1] ?? ''];
  const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
  if (!bytes || !range) return void response.writeHead(404).end();
  const [begin, end] = [Number(range[1]), Number(range[2]) + 1];
  const part = bytes.subarray(begin, end);
  response.writeHead(206, { 'content-range': `bytes ${begin}-${end - 1}/${bytes.byteLength}` }).end(part);
}

beforeAll(async () => {
  server = createServer((request, response) => {
    requests.push(request.url ?? '');
    if (!intercept(request, response)) hub(request, response);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  hubUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  requests = [];
  intercept = () => false;
});

const options = (): HubOptions & { wait: () => Promise<void> } => ({
  fetch: (url, init) => fetch(url, init),
  hubUrl,
  wait: () => Promise.resolve(),
});

async function failure(promise: Promise<unknown>): Promise<LabError> {
  const error: unknown = await promise.then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(LabError);
  return error as LabError;
}

test('names as users write them', () => {
  expect(parseHubId('owner/name')).toEqual({ name: 'owner/name', revision: undefined });
  expect(parseHubId(' hf:owner/na.me-2@refs/pr/3 ')).toEqual({
    name: 'owner/na.me-2',
    revision: 'refs/pr/3',
  });
  expect(parseHubId('https://hub.example/owner/name')).toEqual({ name: 'owner/name', revision: undefined });
  expect(parseHubId('https://hub.example/owner/name/tree/v1.0')).toEqual({
    name: 'owner/name',
    revision: 'v1.0',
  });
  for (const bad of [
    '',
    'name',
    'a/b/c',
    '../x',
    'owner/..',
    'owner/na me',
    'owner/name@a b',
    'owner/name@../x',
    'https://hub.example/',
  ]) {
    expect(() => parseHubId(bad), bad).toThrow(expect.objectContaining({ kind: 'SpecError' }));
  }
});

describe('resolving', () => {
  test('commit, needed files of all pages and their sizes, without fetching any of them', async () => {
    const model = await resolveHub('hf:owner/name', options());
    expect(model).toMatchObject({ name: 'owner/name', revision: 'main', commit: COMMIT });
    expect(model.files.map((f) => f.path)).toEqual([
      'config.json',
      'tokenizer.json',
      'model.safetensors',
      'README.md',
    ]);
    expect(model.files[2]).toEqual({
      path: 'model.safetensors',
      size: weights.byteLength,
      sha256: sha256(weights),
    });
    expect(model.bytes).toBe(model.files.reduce((sum, f) => sum + f.size, 0));
    expect(requests.every((url) => url.startsWith('/api/'))).toBe(true);
  });

  test.each([
    [401, 'not found on the Hub, or private'],
    [403, 'gated'],
    [404, 'not found on the Hub at revision main'],
    [429, 'too many requests'],
    [500, 'the server failed'],
  ])('HTTP %i', async (status, message) => {
    intercept = (_, response) => (response.writeHead(status).end('{}'), true);
    const error = await failure(resolveHub('owner/name', options()));
    expect(error).toMatchObject({ kind: 'FetchError', exitCode: 2 });
    expect(error.message).toContain(message);
  });

  test('no network, no commit, no weights, cancelled', async () => {
    const offline = await failure(resolveHub('owner/name', { ...options(), hubUrl: 'http://127.0.0.1:1' }));
    expect(offline.message).toContain('cannot be reached');
    intercept = (_, response) => (
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"id":"x"}'),
      true
    );
    expect((await failure(resolveHub('owner/name', options()))).message).toContain('no commit');
    intercept = (request, response) => {
      if (!request.url?.includes('/tree/')) return false;
      const list = [{ type: 'file', path: 'pytorch_model.bin', size: 9 }];
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(list));
      return true;
    };
    expect((await failure(resolveHub('owner/name', options()))).message).toContain(
      'no safetensors weights at revision main. It has pytorch_model.bin',
    );
    const signal = AbortSignal.abort();
    expect((await failure(resolveHub('owner/name', { ...options(), signal }))).kind).toBe('CancelledError');
  });

  test('an access token is checked and sent', async () => {
    let seen: string | undefined;
    intercept = (request) => ((seen = request.headers.authorization), false);
    await resolveHub('owner/name', { ...options(), accessToken: 'hf_secret' });
    expect(seen).toBe('Bearer hf_secret');
    expect((await failure(resolveHub('owner/name', { ...options(), accessToken: 'secret' }))).kind).toBe(
      'SpecError',
    );
  });
});

describe('reading', () => {
  test('through redirects, in blocks, with progress', async () => {
    let fetched = 0;
    const model = await resolveHub('owner/name', options());
    const opened = await openModel(
      hubFiles(model, { ...options(), onProgress: (bytes) => (fetched = bytes) }),
    );
    const tensor = opened.tensors.get('a');
    const bytes = await tensor?.source.read(tensor.begin, tensor.end);
    expect(bytes?.every((b) => b === 7)).toBe(true);
    expect(requests.filter((url) => url.startsWith('/cdn/model.safetensors'))).toHaveLength(1);
    expect(fetched).toBe(weights.byteLength + (contents['config.json']?.byteLength ?? 0));
  });

  test('a refusal of a file is said in the Hub’s terms', async () => {
    const model = await resolveHub('owner/name', options());
    intercept = (_, response) => (response.writeHead(403).end(), true);
    expect((await failure(openModel(hubFiles(model, options())))).message).toContain('the model is gated');
  });

  test('blocks are shared, bounded, and forgotten after a failure', async () => {
    const data = Uint8Array.from({ length: 100 }, (_, i) => i);
    const reads: [number, number][] = [];
    let failing = false;
    const inner = memorySource('m', data);
    const source = bufferedSource(
      {
        ...inner,
        read: (a, b) => (
          reads.push([a, b]),
          failing ? Promise.reject(new LabError('FetchError', 'x')) : inner.read(a, b)
        ),
      },
      16,
      2,
    );
    expect(await source.read(3, 60)).toEqual(data.slice(3, 60));
    expect(reads).toEqual([[0, 16], [16, 32], [32, 48], [48, 64]]); // prettier-ignore
    const both = await Promise.all([source.read(96, 100), source.read(97, 99)]);
    expect(both).toEqual([data.slice(96, 100), data.slice(97, 99)]);
    expect(reads).toHaveLength(5);
    failing = true;
    await failure(source.read(0, 2));
    failing = false;
    expect(await source.read(0, 2)).toEqual(data.slice(0, 2));
  });
});

describe('the cache on disk', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'prunelab-hub-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  test('a second run reads the disk, also without a network', async () => {
    const said: number[] = [];
    const warnings: string[] = [];
    const cached = {
      ...options(),
      folder,
      onResolved: (_: unknown, missing: number) => void said.push(missing),
      onWarning: (t: string) => void warnings.push(t),
    };
    const first = await openHubCached('owner/name', cached);
    expect((await openModel(first.files)).tensors.size).toBe(1);
    expect(first.files.name).toBe('owner/name');
    requests = [];
    await openHubCached('owner/name', cached);
    expect(requests.some((url) => url.includes('/resolve/'))).toBe(false);
    expect(said).toEqual([first.model.bytes, 0]);
    const offline = await openHubCached('owner/name', { ...cached, hubUrl: 'http://127.0.0.1:1' });
    expect((await openModel(offline.files)).tensors.size).toBe(1);
    expect(warnings).toEqual([expect.stringContaining('cannot be reached')]);
  });

  test('bytes that differ from the stated SHA-256 are not kept', async () => {
    intercept = (request, response) => {
      if (!request.url?.startsWith('/cdn/model.safetensors')) return false;
      const size = weights.byteLength;
      response.writeHead(206, { 'content-range': `bytes 0-${size - 1}/${size}` }).end(new Uint8Array(size));
      return true;
    };
    expect((await failure(openHubCached('owner/name', { ...options(), folder }))).message).toContain(
      'SHA-256',
    );
    expect((await readdir(join(folder, 'owner--name', COMMIT))).filter((n) => n.startsWith('model'))).toEqual(
      [],
    );
  });

  test('cancelling leaves no half file', async () => {
    const cancel = new AbortController();
    intercept = (request) =>
      request.url?.startsWith('/cdn/model.safetensors') ? (cancel.abort(), true) : false;
    expect(
      (await failure(openHubCached('owner/name', { ...options(), folder, signal: cancel.signal }))).kind,
    ).toBe('CancelledError');
    expect((await readdir(join(folder, 'owner--name', COMMIT))).filter((n) => n.startsWith('model'))).toEqual(
      [],
    );
  });
});
