import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { LabError } from '../core/errors';
import { FakeHub, sha256, type Fault, type FakeRequest } from '../testing/fakeHub.node';
import { openModel } from './hfModel';
import { listStored, openHubStored, removeStored, type CacheOptions } from './hubCache';
import { defaultCache, openHubCached } from './hubCache.node';
import { memoryStorage, type HubStorage } from './hubStorage';
import { diskStorage } from './hubStorage.node';
import { encodeSafetensors } from './safetensorsWriter';

const COMMIT = 'c0ffee'.padEnd(40, '0');
const NEXT = 'decade'.padEnd(40, '1');
const SIZE = 3 << 20;
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const weightsOf = (factor: number): Uint8Array =>
  encodeSafetensors([
    {
      name: 'a',
      dtype: 'U8',
      shape: [SIZE],
      bytes: Uint8Array.from({ length: SIZE }, (_, i) => (i * factor) & 255),
    },
  ]);
const weights = weightsOf(31);
const files: Record<string, Uint8Array> = {
  'config.json': text('{"model_type":"llama"}'),
  'tokenizer.json': text('{}'),
  'model.safetensors': weights,
};
const STORED = `owner--name/${COMMIT}/model.safetensors`;

let hub: FakeHub;
let folder = '';
let storage: HubStorage;
beforeAll(async () => {
  hub = await FakeHub.start(
    { name: 'owner/name', commit: COMMIT, files },
    { name: 'owner/gated', commit: COMMIT, gated: true, files },
  );
});
afterAll(() => hub.close());
beforeEach(async () => {
  hub.reset();
  hub.repos.splice(2);
  folder = await mkdtemp(join(tmpdir(), 'prunelab-hub-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const options = (more: Partial<CacheOptions> = {}): CacheOptions => ({
  fetch: (url, init) => fetch(url, init),
  hubUrl: hub.url,
  wait: () => Promise.resolve(),
  stallMs: 1000,
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

const same = (a: Uint8Array | null | undefined, b: Uint8Array): boolean =>
  a !== null && a !== undefined && Buffer.compare(a, b) === 0;
const onCdn = (fault: (before: number) => Fault | undefined) => (request: FakeRequest) =>
  request.server === 'cdn' ? fault(request.before) : undefined;
const ranges = (): (string | undefined)[] => hub.requests.flatMap((r) => (r.server === 'cdn' ? [r.range] : [])); // prettier-ignore
const open = (more: Partial<CacheOptions> = {}) => openHubStored('owner/name', storage, options(more));
const whole = async (): Promise<Uint8Array | undefined> => {
  const source = await storage.source(STORED);
  return source?.read(0, source.size);
};

describe.each(['disk', 'memory'] as const)('kept in %s', (kind) => {
  beforeEach(() => {
    storage = kind === 'disk' ? diskStorage(folder) : memoryStorage();
  });

  test('a second run reads what is stored, also without a network', async () => {
    const missing: number[] = [];
    const warnings: string[] = [];
    const said = {
      onResolved: (_: unknown, bytes: number) => void missing.push(bytes),
      onWarning: (warning: string) => void warnings.push(warning),
    };
    const first = await open(said);
    expect((await openModel(first.files)).tensors.size).toBe(1);
    expect(first.files.name).toBe('owner/name');
    expect(first.files.origin).toEqual({ source: `hf:owner/name@${COMMIT}`, commit: COMMIT });
    expect(same(await whole(), weights)).toBe(true);
    hub.reset();
    await open(said);
    expect(hub.requests.some((r) => r.path.includes('/resolve/'))).toBe(false);
    expect(missing).toEqual([first.model.bytes, 0]);
    const offline = await open({ ...said, hubUrl: 'http://127.0.0.1:1' });
    expect((await openModel(offline.files)).tensors.size).toBe(1);
    expect(warnings).toEqual([expect.stringContaining('cannot be reached')]);
    // The commit is a name as well.
    const pinned = await openHubStored(`owner/name@${COMMIT}`, storage, options({ hubUrl: 'http://127.0.0.1:1' })); // prettier-ignore
    expect(pinned.model.commit).toBe(COMMIT);
    expect((await failure(openHubStored('owner/other', storage, options({ hubUrl: 'http://127.0.0.1:1' })))).message).toContain('cannot be reached'); // prettier-ignore
  });

  test('a download that breaks off goes on by range', async () => {
    hub.fault = onCdn((before) => (before < 2 ? { cutAfter: 1 << 20 } : undefined));
    const progress: number[] = [];
    await open({ onProgress: (done) => void progress.push(done) });
    expect(same(await whole(), weights)).toBe(true);
    expect(ranges()).toEqual([undefined, expect.stringMatching(/^bytes=\d+-$/), expect.stringMatching(/^bytes=\d+-$/)]); // prettier-ignore
    expect(progress.every((n, i) => i === 0 || n >= (progress[i - 1] ?? 0))).toBe(true);
    expect(progress.at(-1)).toBe(text('{"model_type":"llama"}{}').byteLength + weights.byteLength);
  });

  test('cancelled, then run again: only the rest is fetched', async () => {
    const cancel = new AbortController();
    hub.fault = onCdn(() => ({ slowly: 1 << 18 }));
    const stopped = open({
      signal: cancel.signal,
      onProgress: (done) => {
        if (done > SIZE / 2) cancel.abort();
      },
    });
    expect((await failure(stopped)).kind).toBe('CancelledError');
    expect(await whole()).toBeUndefined();
    const [partial] = await listStored(storage);
    expect(partial).toMatchObject({ name: 'owner/name', commit: COMMIT, complete: false });
    expect(partial?.bytes).toBeGreaterThan(SIZE * 0.4);
    hub.reset();
    let missing = 0;
    await open({ onResolved: (_, bytes) => (missing = bytes) });
    expect(missing).toBeLessThan(SIZE * 0.6);
    expect(ranges()).toEqual([`bytes=${weights.byteLength - missing}-`]);
    expect(same(await whole(), weights)).toBe(true);
    expect((await listStored(storage))[0]).toMatchObject({ complete: true, files: 3 });
  });

  test('paused and resumed', async () => {
    let pause = new AbortController();
    let release: () => void = () => undefined;
    let gate: Promise<void> | undefined;
    hub.fault = onCdn(() => ({ slowly: 1 << 18 }));
    let paused = 0;
    const done = open({
      gate: () => gate,
      pauseSignal: () => pause.signal,
      onProgress: (bytes) => {
        if (bytes < SIZE / 3 || paused > 0) return;
        paused = bytes;
        gate = new Promise((resolve) => (release = resolve));
        pause.abort();
        pause = new AbortController();
      },
    });
    await expect.poll(() => paused).toBeGreaterThan(0);
    await new Promise((resolve) => setTimeout(resolve, 150));
    const requests = hub.requests.length;
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(hub.requests).toHaveLength(requests);
    gate = undefined;
    release();
    await done;
    expect(ranges()).toHaveLength(2);
    expect(same(await whole(), weights)).toBe(true);
  });

  test('a server that ignores ranges sends again what is there; it is passed over', async () => {
    hub.fault = onCdn((before) => (before === 0 ? { cutAfter: 1 << 20 } : { ignoreRange: true }));
    await open();
    expect(same(await whole(), weights)).toBe(true);
    expect(ranges()[1]).toMatch(/^bytes=\d+-$/);
  });

  test('a file that changes is begun again, once', async () => {
    hub.fault = onCdn((before) => (before === 0 ? { cutAfter: 1 << 20, etag: '"old"' } : { etag: '"new"' }));
    await open();
    expect(same(await whole(), weights)).toBe(true);
    expect(ranges()).toEqual([undefined, expect.stringMatching(/^bytes=/), undefined]);
    await removeStored(storage, null);
    hub.reset();
    hub.fault = onCdn((before) => ({ cutAfter: 1 << 20, etag: `"${before}"` }));
    expect((await failure(open())).message).toContain('changed on the server while it was read');
  });

  test('bytes that differ from the stated SHA-256 are not kept', async () => {
    const other = weightsOf(17);
    hub.fault = onCdn(() => ({ bytes: other }));
    expect((await failure(open())).message).toContain('SHA-256');
    expect(await whole()).toBeUndefined();
    hub.reset();
    await open();
    expect(ranges()).toEqual([undefined]);
    expect(same(await whole(), weights)).toBe(true);
  });

  test('a damaged part is found and fetched anew', async () => {
    const cancel = new AbortController();
    hub.fault = onCdn(() => ({ slowly: 1 << 18 }));
    await failure(open({ signal: cancel.signal, onProgress: (n) => n > SIZE / 2 && cancel.abort() }));
    hub.reset();
    const part = await storage.part(`${STORED}.part`);
    const size = part.size;
    await part.reset();
    await part.append(new Uint8Array(size));
    await part.close();
    await open();
    expect(same(await whole(), weights)).toBe(true);
    expect(ranges()).toEqual([`bytes=${size}-`, undefined]);
  });

  test('silence in the middle is noticed', async () => {
    hub.fault = onCdn((before) => (before === 0 ? { cutAfter: 1 << 20, hang: true } : undefined));
    await open({ stallMs: 100 });
    expect(same(await whole(), weights)).toBe(true);
    expect(ranges()).toHaveLength(2);
  });

  test('a refusal keeps nothing and says why', async () => {
    const error = await failure(openHubStored('owner/gated', storage, options()));
    expect(error.message).toContain('gated');
    expect(await listStored(storage)).toEqual([]);
  });

  test('listing and deleting, one commit or all', async () => {
    await open();
    hub.repos[0] = { name: 'owner/name', commit: NEXT, files: { ...files, 'README.md': text('new') } };
    await open();
    await openHubStored('owner/name2', storage, options()).catch(() => undefined);
    const stored = await listStored(storage);
    expect(stored.map((r) => [r.name, r.commit, r.complete])).toEqual([
      ['owner/name', NEXT, true],
      ['owner/name', COMMIT, true],
    ]);
    expect(stored[1]?.bytes).toBe(weights.byteLength + text('{"model_type":"llama"}{}').byteLength);
    await removeStored(storage, `owner--name/${COMMIT}`);
    expect((await listStored(storage)).map((r) => r.commit)).toEqual([NEXT]);
    hub.reset();
    await open();
    expect(ranges()).toEqual([]);
    await removeStored(storage, null);
    expect(await listStored(storage)).toEqual([]);
    expect(await storage.list('')).toEqual([]);
    hub.repos[0] = { name: 'owner/name', commit: COMMIT, files };
  });
});

describe('on disk', () => {
  test('the folder of a commit is a model in Hugging Face layout', async () => {
    await openHubCached('owner/name', { ...options(), folder });
    const at = join(folder, 'owner--name', COMMIT);
    expect((await readdir(at)).sort()).toEqual(['config.json', 'model.safetensors', 'tokenizer.json']);
    expect(sha256(await readFile(join(at, 'model.safetensors')))).toBe(sha256(weights));
  });

  test('where it lies', () => {
    expect(defaultCache({ PRUNELAB_CACHE: '/x' })).toBe('/x');
    expect(defaultCache({})).toMatch(/\.cache[\\/]prunelab$/);
  });

  test('two runs do not write one file', async () => {
    const at = join(folder, 'owner--name', COMMIT);
    await mkdir(at, { recursive: true });
    await writeFile(join(at, 'config.json.part.lock'), String(process.ppid));
    expect((await failure(openHubCached('owner/name', { ...options(), folder }))).message).toContain(
      'being downloaded by another run',
    );
    await writeFile(join(at, 'config.json.part.lock'), '999999999'); // its process is gone
    await openHubCached('owner/name', { ...options(), folder });
  });

  test('a folder that cannot be written is named', async () => {
    await writeFile(join(folder, 'file'), '');
    const error = await failure(openHubCached('owner/name', { ...options(), folder: join(folder, 'file') }));
    expect(error.message).toContain('cannot be written');
    expect(error.remedy).toContain('PRUNELAB_CACHE');
  });
});
