/** The build on static hosting: any sub-path, no special headers, offline after the first load. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { DIST, expect, test } from './fixtures/server';

test.use({ serviceWorkers: 'allow' });

const READY = '#app[data-state=ready], #app[data-state=running]';
const FIRST_LOAD_MS = 90_000;
/** All scripts that the page and its workers fetch until it is ready, compressed as a host would. */
const MAX_SCRIPT_BYTES = 350_000;

/** Paths of the data files that the page's caches hold. */
function keptData(): Promise<string[]> {
  const read = async () => {
    const paths: string[] = [];
    for (const name of await caches.keys()) {
      if (!name.startsWith('prunelab ') || !name.includes(' data ')) continue;
      for (const request of await (await caches.open(name)).keys()) paths.push(new URL(request.url).pathname);
    }
    return paths;
  };
  return read();
}

test('works below a sub-path and, after the first load, without a network', async ({
  page,
  context,
  serve,
}) => {
  const server = await serve({ base: '/some/sub-path/' });
  const failed: string[] = [];
  page.on('response', (response) => {
    if (response.status() >= 400 && new URL(response.url()).pathname !== '/favicon.ico')
      failed.push(response.url());
  });
  await page.goto(server.url);
  await expect(page.locator(READY)).toBeAttached({ timeout: FIRST_LOAD_MS });
  await expect
    .poll(() => page.evaluate(keptData), { timeout: 60_000 })
    .toEqual(
      expect.arrayContaining([
        '/some/sub-path/models/demo/model.safetensors',
        '/some/sub-path/texts/moby-dick.txt',
      ]),
    );
  expect(failed).toEqual([]);

  await server.close();
  await context.setOffline(true);
  await page.reload();
  await expect(page.locator(READY)).toBeAttached({ timeout: FIRST_LOAD_MS });

  // Kept files are served by range as the network would.
  const range = await page.evaluate(async () => {
    const response = await fetch('models/demo/model.safetensors', { headers: { Range: 'bytes=8-15' } });
    return { status: response.status, bytes: [...new Uint8Array(await response.arrayBuffer())] };
  });
  const file = readFileSync(join(DIST, 'models/demo/model.safetensors'));
  expect(range).toEqual({ status: 206, bytes: [...file.subarray(8, 16)] });
});

test('a new deployment shows at the next visit, and its old caches go', async ({ page, serve, distCopy }) => {
  const server = await serve({ root: distCopy });
  await page.goto(server.url);
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
  const names = () => page.evaluate(() => caches.keys());
  await expect.poll(names).not.toEqual([]);
  const before = await names();

  // What the build would change: the page's text, and the version in the worker.
  const change = (file: string, from: RegExp, to: string) => {
    const path = join(distCopy, file);
    const text = readFileSync(path, 'utf8');
    expect(text).toMatch(from);
    writeFileSync(path, text.replace(from, to));
  };
  change('index.html', /<title>/, '<title>New ');
  change('sw.js', /const SHELL = \{"version":"/, 'const SHELL = {"version":"new-');
  await page.goto(server.url);
  await expect(page).toHaveTitle(/^New /);
  await expect
    .poll(async () => (await names()).filter((name) => before.includes(name) && name.includes(' shell ')))
    .toEqual([]);
});

test('serves ranges, types and refusals as static hosting does', async ({ request, serve }) => {
  const { url } = await serve();
  const model = 'models/demo/model.safetensors';
  const file = readFileSync(join(DIST, model));
  const part = await request.get(url + model, { headers: { Range: 'bytes=100-199' } });
  expect(part.status()).toBe(206);
  expect(part.headers()['content-range']).toBe(`bytes 100-199/${file.byteLength}`);
  expect((await part.body()).equals(file.subarray(100, 200))).toBe(true);
  const beyond = await request.get(url + model, { headers: { Range: `bytes=${file.byteLength}-` } });
  expect(beyond.status()).toBe(416);
  expect((await request.get(`${url}nothing.here`)).status()).toBe(404);
  expect((await request.get(`${url}%2e%2e/package.json`)).status()).toBe(404);
  const page = await request.get(url);
  expect(page.headers()['content-type']).toContain('text/html');
  for (const header of ['cross-origin-opener-policy', 'cross-origin-embedder-policy']) {
    expect(page.headers()[header]).toBeUndefined();
  }
});

test.describe('without a service worker', () => {
  test.use({ serviceWorkers: 'block' });

  test('at most 350 kB of compressed JavaScript is fetched before the page is ready', async ({
    page,
    serve,
  }) => {
    // Counted at the server, which sees what workers inside workers ask for.
    const scripts = new Set<string>();
    const { url } = await serve({
      onRequest: (path) => {
        if (path.endsWith('.js')) scripts.add(path.slice(1));
      },
    });
    await page.goto(url);
    await expect(page.locator(READY)).toBeAttached({ timeout: FIRST_LOAD_MS });
    const sizes = [...scripts].map(
      (path) => [path, gzipSync(readFileSync(join(DIST, path)), { level: 6 }).byteLength] as const,
    );
    const total = sizes.reduce((sum, [, bytes]) => sum + bytes, 0);
    expect(total).toBeGreaterThan(0);
    expect(total, sizes.join(' ')).toBeLessThanOrEqual(MAX_SCRIPT_BYTES);
  });
});
