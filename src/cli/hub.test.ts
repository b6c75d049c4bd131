import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { FakeHub, fixtureRepo } from '../testing/fakeHub.node';
import { Console } from './io';
import { main } from './main';
import { openModelFiles } from './session';

const COMMIT = 'c0ffee'.padEnd(40, '0');
let hub: FakeHub;
let folder = '';
let stderr = '';

beforeAll(async () => {
  hub = await FakeHub.start(
    await fixtureRepo('owner/tiny', 'two-block', COMMIT),
    await fixtureRepo('owner/sharded', 'sharded-f16', COMMIT),
    { ...(await fixtureRepo('owner/gated', 'two-block', COMMIT)), gated: true },
    {
      name: 'owner/moe',
      commit: COMMIT,
      files: {
        ...(await fixtureRepo('x/x', 'two-block', COMMIT)).files,
        'config.json': new TextEncoder().encode(
          '{"architectures":["MixtralForCausalLM"],"model_type":"mixtral"}',
        ),
      },
    },
  );
});
afterAll(() => hub.close());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prunelab-cli-'));
  hub.reset();
  stderr = '';
  vi.stubEnv('HF_ENDPOINT', hub.url);
  vi.stubEnv('HF_TOKEN', '');
  vi.stubEnv('PRUNELAB_CACHE', join(folder, 'cache'));
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => ((stderr += String(text)), true));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  await rm(folder, { recursive: true, force: true });
});

async function info(model: string): Promise<{ code: number; json: Record<string, unknown> }> {
  const file = join(folder, 'info.json');
  const code = await main(['info', model, '--json', file], new AbortController().signal);
  const text = await readFile(file, 'utf8').catch(() => 'null');
  return { code, json: JSON.parse(text) as Record<string, unknown> };
}

/** Bytes of weights that left the server are known by the ranges asked for. */
const weightRanges = (): (string | undefined)[] =>
  hub.requests.flatMap((r) =>
    r.server === 'cdn' && r.file?.endsWith('.safetensors') === true ? [r.range] : [],
  );

test('info reads headers only, single file and shards, and names the commit', async () => {
  const { code, json } = await info('hf:owner/tiny');
  expect(stderr).toBe('');
  expect(code).toBe(0);
  expect(json).toMatchObject({
    name: `hf:owner/tiny@${COMMIT}`,
    source: `hf:owner/tiny@${COMMIT}`,
    commit: COMMIT,
    supported: true,
    layers: 2,
  });
  expect(Object.values(json['dtypes'] as Record<string, number>).every((n) => n > 0)).toBe(true);
  // The first block of 128 kB at most, however large the file is.
  expect(weightRanges().length).toBeGreaterThan(0);
  for (const range of weightRanges()) expect(Number(/-(\d+)$/.exec(range ?? '')?.[1])).toBeLessThan(131_072);
  const sharded = await info('hf:owner/sharded');
  expect(sharded.json).toMatchObject({
    supported: true,
    commit: COMMIT,
    dtypes: { F16: expect.any(Number) },
  });
});

test('an address, a revision that is none, a gated model and its token', async () => {
  expect((await info(`${hub.url}/owner/tiny/tree/main`)).json['commit']).toBe(COMMIT);
  expect((await info('hf:owner/tiny@nosuch')).code).toBe(2);
  expect(stderr).toMatch(/^prunelab: FetchError: owner\/tiny: there is no revision "nosuch"[^\n]*\n$/);
  stderr = '';
  expect((await info('hf:owner/gated')).code).toBe(2);
  expect(stderr).toMatch(/gated.*then set HF_TOKEN to a read token\.\n$/);
  vi.stubEnv('HF_TOKEN', 'hf_good');
  stderr = '';
  expect((await info('hf:owner/gated')).code).toBe(0);
  expect(stderr + JSON.stringify(hub.requests.filter((r) => r.server === 'cdn'))).not.toContain('hf_good');
});

test('a model that the lab does not open is refused before its weights come', async () => {
  const { code, json } = await info('hf:owner/moe');
  expect(code).toBe(2);
  expect(json).toMatchObject({ supported: false, architecture: 'MixtralForCausalLM', commit: COMMIT });
  hub.reset();
  const console = new Console(true);
  await expect(openModelFiles('hf:owner/moe', console, new AbortController().signal)).rejects.toMatchObject({
    kind: 'ModelError',
  });
  for (const range of weightRanges()) expect(range).toMatch(/^bytes=0-/);
});

test('opening downloads once; what was cancelled goes on', async () => {
  const stop = new AbortController();
  hub.fault = ({ server, range }) => {
    if (server !== 'cdn' || range !== undefined) return undefined;
    setTimeout(() => {
      stop.abort();
    }, 60);
    return { slowly: 1 << 14 };
  };
  const console = new Console(false);
  await expect(openModelFiles('hf:owner/tiny', console, stop.signal)).rejects.toMatchObject({
    kind: 'CancelledError',
  });
  expect(stderr).toContain('parameters in');
  expect(stderr).toContain('goes on from there');
  hub.reset();
  const { files, name } = await openModelFiles('hf:owner/tiny', console, new AbortController().signal);
  expect(name).toBe(`hf:owner/tiny@${COMMIT}`);
  expect(files.origin?.commit).toBe(COMMIT);
  const whole = weightRanges().filter((range) => range === undefined || /-$/.test(range));
  expect(whole).toEqual([expect.stringMatching(/^bytes=[1-9]\d*-$/)]);
  hub.reset();
  await openModelFiles('hf:owner/tiny', console, new AbortController().signal);
  expect(weightRanges()).toEqual([]);
});
