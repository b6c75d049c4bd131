import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { LabError } from '../core/errors';
import { FakeHub, GOOD_TOKEN, sha256, type Fault, type FakeRequest } from '../testing/fakeHub.node';
import { bufferedSource } from './bufferedSource';
import { openModel } from './hfModel';
import { hubFiles, resolveHub, resolveRepo, type HubOptions } from './hub';
import { hubIdText, parseHubId, parseHubText } from './hubId';
import { encodeSafetensors } from './safetensorsWriter';
import { memorySource } from './source';

const COMMIT = 'c0ffee'.padEnd(40, '0');
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const weights = encodeSafetensors([
  { name: 'a', dtype: 'U8', shape: [200_000], bytes: new Uint8Array(200_000).fill(7) },
]);
const files = {
  'config.json': text('{"model_type":"llama"}'),
  'tokenizer.json': text('{}'),
  'model.safetensors': weights,
  'README.md': text('---\nlicense: mit\n---\n'),
  'train.py': text('print()'),
  'pytorch_model.bin': new Uint8Array(9000),
  'model.fp16.safetensors': new Uint8Array(100),
};

let hub: FakeHub;
beforeAll(async () => {
  hub = await FakeHub.start(
    { name: 'owner/name', commit: COMMIT, revisions: ['v1'], files },
    { name: 'owner/gated', commit: COMMIT, gated: true, files },
    { name: 'owner/secret', commit: COMMIT, private: true, files },
    {
      name: 'owner/quants',
      commit: COMMIT,
      files: { 'a-Q4_0.gguf': new Uint8Array(64), 'a-Q8_0.gguf': new Uint8Array(65), 'README.md': text('x') },
    },
    { name: 'owner/pickled', commit: COMMIT, files: { 'pytorch_model.bin': new Uint8Array(9) } },
  );
});
afterAll(() => hub.close());
beforeEach(() => {
  hub.reset();
  waits = [];
});

let waits: number[] = [];
const options = (more: Partial<HubOptions> = {}): HubOptions => ({
  fetch: (url, init) => fetch(url, init),
  hubUrl: hub.url,
  tokenHint: 'set HF_TOKEN',
  wait: (_, ms) => (waits.push(ms), Promise.resolve()),
  stallMs: 300,
  ...more,
});

async function failure(promise: Promise<unknown>): Promise<LabError> {
  const error: unknown = await promise.then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(LabError);
  return error as LabError;
}

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** What is said and what is to be done, in one line. */
async function said(promise: Promise<unknown>): Promise<string> {
  const { message, remedy, kind } = await failure(promise);
  expect(kind).toBe('FetchError');
  expect(remedy, message).toBeTruthy();
  return `${message} ${remedy ?? ''}`;
}

const onApi = (fault: Fault) => (request: FakeRequest) =>
  request.path.startsWith('/api/') ? fault : undefined;

describe('names', () => {
  test('as users write them', () => {
    const plain = { name: 'owner/name', revision: undefined, file: undefined };
    expect(parseHubId('owner/name')).toEqual(plain);
    expect(parseHubId(' hf:owner/na.me-2@refs/pr/3 ')).toEqual({
      ...plain,
      name: 'owner/na.me-2',
      revision: 'refs/pr/3',
    });
    expect(parseHubId('hf:owner/name/a-Q4_0.gguf@v1')).toEqual({
      ...plain,
      revision: 'v1',
      file: 'a-Q4_0.gguf',
    });
    expect(parseHubId('https://hub.example/owner/name')).toEqual(plain);
    expect(parseHubId('https://hub.example/owner/name/tree/v1.0')).toEqual({ ...plain, revision: 'v1.0' });
    expect(parseHubId('https://hub.example/owner/name/tree/refs%2Fpr%2F3')).toEqual({
      ...plain,
      revision: 'refs/pr/3',
    });
    const file = { ...plain, revision: 'main', file: 'a-Q4_0.gguf' };
    expect(parseHubId('https://hub.example/owner/name/blob/main/a-Q4_0.gguf')).toEqual(file);
    expect(parseHubId('https://hub.example/owner/name/resolve/main/a-Q4_0.gguf?download=true')).toEqual(file);
    // A part of a model stands for the model.
    for (const part of ['config.json', 'model.safetensors', 'model-00001-of-00002.safetensors'])
      expect(parseHubId(`https://hub.example/owner/name/blob/main/${part}`)).toEqual({
        ...plain,
        revision: 'main',
      });
    expect(parseHubId('http://127.0.0.1:9/hf/owner/name', 'http://127.0.0.1:9/hf')).toEqual(plain);
  });

  test('what is none', () => {
    for (const bad of [
      '',
      'name',
      'a/b/c',
      '../x',
      'owner/..',
      'owner/na me',
      'owner/name@a b',
      'owner/name@../x',
      'owner/name/sub/file.gguf',
      'https://hub.example/',
      'https://hub.example/owner/na%ZZme',
    ]) {
      expect(() => parseHubId(bad), bad).toThrow(expect.objectContaining({ kind: 'SpecError' }));
    }
    expect(() => parseHubId('https://other.example/owner/name', 'https://hub.example')).toThrow(
      'other.example is not the Hub in use (hub.example)',
    );
    expect(parseHubId('https://huggingface.co/owner/name', 'https://hub.example').name).toBe('owner/name');
  });

  test('are written as they are read', () => {
    for (const id of ['hf:owner/name', 'hf:owner/name@v1', 'hf:owner/name/a.gguf@refs/pr/1'])
      expect(hubIdText(parseHubId(id))).toBe(id);
  });

  test('of texts', () => {
    expect(parseHubText('hf:c4')).toEqual({ text: 'c4', split: 'train', revision: undefined });
    expect(parseHubText('hf:c4/validation').split).toBe('validation');
    expect(parseHubText('hf:wikitext-2/test@b086')).toEqual({
      text: 'wikitext-2',
      split: 'test',
      revision: 'b086',
    });
    for (const bad of ['hf:', 'hf:c4/test', 'hf:wikitext-2', 'hf:ptb', 'c4', 'hf:c4@a b'])
      expect(() => parseHubText(bad), bad).toThrow(expect.objectContaining({ kind: 'SpecError' }));
  });
});

describe('resolving', () => {
  test('commit, needed files of all pages and their sizes, without fetching any of them', async () => {
    const model = await resolveHub('hf:owner/name@v1', options());
    expect(model).toMatchObject({ kind: 'model', name: 'owner/name', revision: 'v1', commit: COMMIT });
    expect(model.files.map((f) => f.path).sort()).toEqual([
      'README.md',
      'config.json',
      'model.safetensors',
      'tokenizer.json',
    ]);
    expect(model.files.find((f) => f.path === 'model.safetensors')).toEqual({
      path: 'model.safetensors',
      size: weights.byteLength,
      sha256: sha256(weights),
    });
    expect(model.bytes).toBe(model.files.reduce((sum, f) => sum + f.size, 0));
    expect(hub.requests.every((r) => r.path.startsWith('/api/'))).toBe(true);
    expect(hub.requests.filter((r) => r.path.includes('/tree/')).every((r) => r.path.includes(COMMIT))).toBe(
      true,
    );
  });

  test('one file of several', async () => {
    const several = await said(resolveHub('owner/quants', options()));
    expect(several).toContain('2 GGUF files');
    expect(several).toContain('hf:owner/quants/a-Q4_0.gguf');
    const one = await resolveHub('owner/quants/a-Q8_0.gguf', options());
    expect(one.files.map((f) => f.path).sort()).toEqual(['README.md', 'a-Q8_0.gguf']);
    expect(await said(resolveHub('owner/quants/none.gguf', options()))).toContain('no file none.gguf');
    expect(await said(resolveHub('owner/pickled', options()))).toContain('It has pytorch_model.bin');
  });

  test('what the Hub refuses is said in its own terms', async () => {
    expect(await said(resolveHub('owner/absent', options()))).toMatch(
      /not found on the Hub, or private \(HTTP 401\).*set HF_TOKEN/,
    );
    expect(await said(resolveHub('owner/absent', options({ accessToken: GOOD_TOKEN })))).toMatch(
      /this token may not see it \(HTTP 404\)/,
    );
    expect(await said(resolveHub('owner/name', options({ accessToken: 'hf_stale' })))).toMatch(
      /does not accept this token/,
    );
    expect(await said(resolveHub('owner/name@v9', options()))).toMatch(/no revision "v9" \(HTTP 404\)/);
    expect((await resolveHub('owner/secret', options({ accessToken: GOOD_TOKEN }))).commit).toBe(COMMIT);
  });

  test('too many requests: what the server asks is waited for, within reason', async () => {
    const limited = { status: 429, headers: { 'Retry-After': '7' } };
    hub.fault = (request) => (request.before === 0 ? limited : undefined);
    expect((await resolveHub('owner/name', options())).commit).toBe(COMMIT);
    expect(waits).toEqual([7000, 7000]); // the commit, and the listing's address
    waits = [];
    hub.fault = onApi({ status: 429, headers: { 'Retry-After': '900' } });
    expect(await said(resolveHub('owner/name', options()))).toMatch(/too many requests.*Wait 15 minutes/);
    expect(waits).toEqual([]);
    hub.fault = onApi({ status: 429, headers: { 'Retry-After': new Date(Date.now() + 9500).toUTCString() } });
    expect(await said(resolveHub('owner/name', options()))).toMatch(/Wait \d+ seconds/);
    expect(waits).toHaveLength(3);
    expect(waits.every((ms) => ms > 5000 && ms <= 10_000)).toBe(true);
  });

  test('a failing or silent server is tried a few times', async () => {
    hub.fault = (request) => (request.before < 2 ? { status: 503 } : undefined);
    expect((await resolveHub('owner/name', options())).commit).toBe(COMMIT);
    hub.fault = onApi({ status: 502 });
    expect(await said(resolveHub('owner/name', options()))).toMatch(/the Hub failed \(HTTP 502\)/);
    hub.reset();
    hub.fault = (request) => (request.before < 1 ? { hang: true } : undefined);
    expect((await resolveHub('owner/name', options({ stallMs: 60 }))).commit).toBe(COMMIT);
    hub.fault = onApi({ hang: true });
    expect(await said(resolveHub('owner/name', options({ stallMs: 60 })))).toMatch(/sent nothing for 1 sec/);
  });

  test('no network, a broken answer, cancelled', async () => {
    expect(await said(resolveHub('owner/name', options({ hubUrl: 'http://127.0.0.1:1' })))).toMatch(
      /cannot be reached/,
    );
    const garbage = options({
      fetch: () => Promise.resolve(new Response('<html>', { status: 200 })),
    });
    expect(await said(resolveHub('owner/name', garbage))).toMatch(/answer that cannot be read/);
    const nothing = options({ fetch: () => Promise.resolve(new Response('{"id":"x"}', { status: 200 })) });
    expect(await said(resolveHub('owner/name', nothing))).toMatch(/no commit/);
    const signal = AbortSignal.abort();
    expect((await failure(resolveHub('owner/name', options({ signal })))).kind).toBe('CancelledError');
    expect((await failure(resolveHub('owner/name', options({ hubUrl: 'nonsense' })))).kind).toBe('SpecError');
  });

  test('data sets', async () => {
    hub.repos.push({ kind: 'dataset', name: 'owner/data', commit: COMMIT, files: {} });
    const repo = await resolveRepo('dataset', 'owner/data', 'main', options());
    expect(repo).toEqual({ kind: 'dataset', name: 'owner/data', revision: 'main', commit: COMMIT });
  });
});

describe('the token', () => {
  test('goes to the Hub and nowhere else', async () => {
    const withToken = options({ accessToken: GOOD_TOKEN });
    const model = await resolveHub('owner/gated', withToken);
    const opened = await openModel(hubFiles(model, withToken));
    const tensor = opened.tensors.get('a');
    await tensor?.source.read(tensor.begin, tensor.end);
    const atHub = hub.requests.filter((r) => r.server === 'hub');
    const atCdn = hub.requests.filter((r) => r.server === 'cdn');
    expect(atHub.length).toBeGreaterThan(3);
    expect(new Set(atHub.map((r) => r.authorization))).toEqual(new Set([`Bearer ${GOOD_TOKEN}`]));
    expect(atCdn.length).toBeGreaterThan(0);
    expect(new Set(atCdn.map((r) => r.authorization))).toEqual(new Set([undefined]));
  });

  test('of another form is refused without a request, and never repeated', async () => {
    const error = await failure(resolveHub('owner/name', options({ accessToken: 'secret-thing' })));
    expect(error.kind).toBe('SpecError');
    expect(`${error.message} ${error.remedy ?? ''}`).not.toContain('secret-thing');
    expect(hub.requests).toEqual([]);
  });

  test('a gated model says what to do, without and with a token', async () => {
    const model = await resolveHub('owner/gated', options());
    const without = await said(openModel(hubFiles(model, options())));
    expect(without).toMatch(/gated: its conditions must be accepted first \(HTTP 401\)/);
    expect(without).toContain(`${hub.url}/owner/gated, then set HF_TOKEN`);
    const other = options({ accessToken: 'hf_other' });
    expect(await said(openModel(hubFiles(model, other)))).toMatch(/the account of this token has no access/);
  });
});

describe('reading', () => {
  test('through redirects, pinned to the commit, in blocks, with progress', async () => {
    let fetched = 0;
    const model = await resolveHub('owner/name', options());
    const opened = await openModel(
      hubFiles(model, { ...options(), onProgress: (bytes) => (fetched = bytes) }),
    );
    const tensor = opened.tensors.get('a');
    const bytes = await tensor?.source.read(tensor.begin, tensor.end);
    expect(bytes?.every((b) => b === 7)).toBe(true);
    const asked = hub.of('model.safetensors');
    expect(asked.map((r) => r.server)).toEqual(['hub', 'cdn']);
    expect(asked[0]?.path).toBe(`/owner/name/resolve/${COMMIT}/model.safetensors`);
    expect(fetched).toBe(weights.byteLength + files['config.json'].byteLength);
    expect(opened.files.name).toBe('owner/name');
  });

  test('headers alone cost a block', async () => {
    let fetched = 0;
    const model = await resolveHub('owner/name', options());
    const opened = await openModel(
      hubFiles(model, { ...options(), blockBytes: 4096, onProgress: (bytes) => (fetched = bytes) }),
    );
    expect(opened.tensors.get('a')?.shape).toEqual([200_000]);
    expect(fetched).toBeLessThan(10_000);
  });

  test('a server that ignores ranges is read once, in order', async () => {
    hub.fault = (request) => (request.server === 'cdn' ? { ignoreRange: true } : undefined);
    const model = await resolveHub('owner/name', options());
    const source = await hubFiles(model, { ...options(), blockBytes: 1 << 16 }).open('model.safetensors');
    expect(same(await source.read(10, 100_000), weights.slice(10, 100_000))).toBe(true);
    expect(same(await source.read(100_000, weights.length), weights.slice(100_000))).toBe(true);
    expect(hub.of('model.safetensors').filter((r) => r.server === 'cdn')).toHaveLength(2);
  });

  test('a file that changes between two ranges is refused', async () => {
    const model = await resolveHub('owner/name', options());
    const source = await hubFiles(model, { ...options(), blockBytes: 1 << 16 }).open('model.safetensors');
    await source.read(0, 10);
    hub.fault = (request) => (request.server === 'cdn' ? { etag: '"other"' } : undefined);
    expect(await said(source.read(150_000, 150_010))).toMatch(/changed on the server while it was read/);
    hub.fault = (request) => (request.server === 'cdn' ? { bytes: new Uint8Array(300_000) } : undefined);
    const fresh = await hubFiles(model, options()).open('model.safetensors');
    expect(await said(fresh.read(150_000, 150_010))).toMatch(/changed on the server/);
  });

  test('a short reply goes on where it stopped', async () => {
    const model = await resolveHub('owner/name', options());
    const source = await hubFiles(model, options()).open('model.safetensors');
    hub.fault = ({ server, before }) =>
      server !== 'cdn' ? undefined : before === 0 ? { cutAfter: 1000 } : before === 1 ? { endAfter: 500 } : undefined; // prettier-ignore
    expect(same(await source.read(0, weights.length), weights)).toBe(true);
    const ranges = hub.of('model.safetensors').flatMap((r) => (r.server === 'cdn' ? [r.range] : []));
    expect(ranges[0]).toBe(`bytes=0-${weights.length - 1}`);
    expect(ranges[1]).toBe(`bytes=1000-${weights.length - 1}`);
    expect(ranges[2]).toBe(`bytes=1500-${weights.length - 1}`);
  });

  test('a missing file', async () => {
    const model = await resolveHub('owner/name', options());
    hub.fault = (request) =>
      request.file === 'config.json'
        ? { status: 404, headers: { 'X-Error-Code': 'EntryNotFound' } }
        : undefined;
    expect(await said(openModel(hubFiles(model, options())))).toMatch(/there is no file config\.json/);
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
