/** Models of the Hub in the page, from a Hub on a loopback address: no request leaves this machine. */
import { mergeTests, type Locator } from '@playwright/test';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FakeHub, fixtureRepo, GOOD_TOKEN } from '../src/testing/fakeHub.node';
import { expect, SMALL, test as labTest, type LabPage } from './fixtures/labPage';
import { test as hosting } from './fixtures/server';

const test = mergeTests(labTest, hosting);

const COMMIT = 'c0ffee'.padEnd(40, '0');
let hub: FakeHub;

test.beforeAll(async () => {
  hub = await FakeHub.start(
    await fixtureRepo('owner/tiny', 'two-block', COMMIT),
    { ...(await fixtureRepo('owner/gated', 'two-block', COMMIT)), gated: true },
    await fixtureRepo('owner/sharded', 'sharded-f16', COMMIT),
  );
});
test.afterAll(() => hub.close());
test.beforeEach(() => {
  hub.reset();
});

async function openDialog(lab: LabPage, model = 'owner/tiny', more = '', base = './'): Promise<Locator> {
  await lab.page.goto(`${base}?${SMALL}&model=hf:${model}&hub=${encodeURIComponent(hub.url)}${more}`);
  const dialog = lab.page.getByRole('dialog', { name: 'A model from the Hub' });
  await expect(dialog).toBeVisible({ timeout: 90_000 });
  return dialog;
}

const weightRequests = (): (string | undefined)[] =>
  hub.requests.flatMap((r) => (r.server === 'cdn' ? [r.range] : []));

test('what it is, the download, the cache, and an export without a second download', async ({
  lab,
  page,
}) => {
  const dialog = await openDialog(lab);
  await expect(dialog).toContainText('LlamaForCausalLM');
  await expect(dialog).toContainText(COMMIT.slice(0, 12));
  await expect(dialog).toContainText('The lab opens it.');
  // Headers only so far.
  for (const range of weightRequests()) expect(range).toMatch(/^bytes=0-\d+$/);
  expect(await lab.accessibility()).toEqual([]);
  hub.reset();
  await dialog.getByRole('button', { name: /^Download \d/ }).click();
  await expect(page.getByRole('banner')).toContainText('2 layers', { timeout: 90_000 });
  await lab.settled();
  expect(weightRequests()).toEqual([undefined]);
  expect(page.url()).toContain('model=hf:owner/tiny');

  hub.reset();
  const staged = page.waitForEvent('download');
  await lab.button('Export').click();
  const exporting = page.getByRole('dialog', { name: 'Export the pruned model' });
  await exporting.getByRole('button', { name: 'Download', exact: true }).click();
  await staged;
  await expect(exporting.getByRole('status', { name: 'Export result' })).toContainText(
    'Written and verified',
  );
  expect(hub.requests).toEqual([]);
  await page.keyboard.press('Escape');

  // Another visit, with the Hub out of reach: what is stored opens.
  await page.reload();
  hub.reset();
  await page.route(`${hub.url}/**`, (route) => route.abort('internetdisconnected'));
  const again = await openDialog(lab);
  await expect(again).toContainText('all stored here', { timeout: 30_000 });
  await expect(again.getByRole('region', { name: 'Stored in this browser' })).toContainText('owner/tiny');
  await expect(again).toContainText(/This page uses .* that the browser allows/);
  await again.getByRole('button', { name: 'Open', exact: true }).click();
  await expect(page.getByRole('banner')).toContainText('2 layers', { timeout: 90_000 });
  expect(hub.requests).toEqual([]);
});

test('pause, a reload in between, resume by range, stop, delete', async ({ lab, page }) => {
  const slow = ({ server, range }: { server: string; range: string | undefined }) =>
    server === 'cdn' && !/^bytes=0-\d+$/.test(range ?? '') ? { slowly: 1 << 12 } : undefined;
  hub.fault = slow;
  const dialog = await openDialog(lab);
  await dialog.getByRole('button', { name: /^Download \d/ }).click();
  const strip = page.getByRole('region', { name: 'Download from the Hub' });
  const bar = strip.getByRole('progressbar', { name: 'Downloading owner/tiny' });
  await expect.poll(async () => Number(await bar.getAttribute('value'))).toBeGreaterThan(1000);
  await strip.getByRole('button', { name: 'Pause download' }).click();
  await expect(strip).toContainText('paused');
  expect(await lab.accessibility()).toEqual([]);
  await page.waitForTimeout(200);
  const before = hub.requests.length;
  await page.waitForTimeout(300);
  expect(hub.requests).toHaveLength(before);

  const half = await openDialog(lab);
  await expect(half).toContainText(/of it stored here/);
  await expect(half.getByRole('region', { name: 'Stored in this browser' })).toContainText('in part');
  await half.getByRole('button', { name: /^Download \d/ }).click();
  await expect.poll(weightRequests).toContainEqual(expect.stringMatching(/^bytes=[1-9]\d*-$/));
  await strip.getByRole('button', { name: 'Stop download' }).click();
  await expect(strip).toHaveCount(0);
  await lab.state('ready');

  const last = await openDialog(lab);
  const stored = last.getByRole('region', { name: 'Stored in this browser' });
  await expect(stored).toContainText('in part');
  await stored.getByRole('button', { name: /^Delete owner\/tiny/ }).click();
  await expect(stored).toContainText('Nothing yet');
  hub.reset();
  await last.getByRole('button', { name: 'Show size' }).click();
  await expect(last).not.toContainText('stored here', { timeout: 15_000 });
});

test('a gated model, and a token that is kept nowhere', async ({ lab, page }) => {
  const dialog = await openDialog(lab, 'owner/gated');
  await expect(dialog.getByRole('status', { name: 'Hub answer' })).toContainText(/gated.*read token/);
  await dialog.getByText('Private or gated?').click();
  await dialog.getByRole('textbox', { name: 'Read token' }).fill(GOOD_TOKEN);
  hub.reset();
  await dialog.getByRole('button', { name: 'Show size' }).click();
  await expect(dialog).toContainText('The lab opens it.');
  expect(await lab.accessibility()).toEqual([]);
  const sent = (server: string) =>
    hub.requests.flatMap((r) => (r.server === server ? [r.authorization] : []));
  expect(new Set(sent('hub'))).toEqual(new Set([`Bearer ${GOOD_TOKEN}`]));
  expect(sent('cdn').length).toBeGreaterThan(0);
  expect(new Set(sent('cdn'))).toEqual(new Set([undefined]));
  await dialog.getByRole('button', { name: /^Download \d/ }).click();
  await expect(page.getByRole('banner')).toContainText('2 layers', { timeout: 90_000 });
  const kept = await page.evaluate(() => JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage)]) + location.href + document.cookie); // prettier-ignore
  expect(kept).not.toContain(GOOD_TOKEN);
  expect(await page.content()).not.toContain(GOOD_TOKEN);
});

test('each trouble has its own words', async ({ lab }) => {
  const dialog = await openDialog(lab, 'owner/absent');
  const answer = dialog.getByRole('status', { name: 'Hub answer' });
  await expect(answer).toContainText(/not found on the Hub, or private.*Check the name/);
  const name = dialog.getByRole('textbox', { name: 'Name' });
  const ask = async (id: string, revision = ''): Promise<void> => {
    await name.fill(id);
    await dialog.getByRole('textbox', { name: 'Revision' }).fill(revision);
    await dialog.getByRole('button', { name: 'Show size' }).click();
  };
  await ask('owner/tiny', 'nosuch');
  await expect(answer).toContainText('no revision "nosuch"');
  hub.fault = (request) => (request.path.startsWith('/api/') ? { status: 429, headers: { 'Retry-After': '600' } } : undefined); // prettier-ignore
  await ask('owner/tiny');
  await expect(answer).toContainText(/too many requests.*Wait 10 minutes/);
  hub.fault = () => undefined;
  await ask(`${hub.url}/owner/sharded/tree/main`);
  await expect(dialog).toContainText('The lab opens it.');
  await expect(dialog).toContainText('F16');
  await ask('https://elsewhere.example/owner/tiny');
  await expect(answer).toContainText('elsewhere.example is not the Hub in use');
});

test('where storage is refused the lab works from memory and says so', async ({
  lab,
  page,
  serve,
  distCopy,
}) => {
  // The engine runs in a worker: in this copy of the build it meets a browser that refuses.
  const assets = join(distCopy, 'assets');
  const worker = readdirSync(assets).find((name) => /^worker-.*\.js$/.test(name)) ?? '';
  const refuse = `navigator.storage.getDirectory = () => Promise.reject(new DOMException('refused', 'SecurityError'));\n`;
  writeFileSync(join(assets, worker), refuse + readFileSync(join(assets, worker), 'utf8'));
  const { url } = await serve({ root: distCopy });
  const dialog = await openDialog(lab, 'owner/tiny', '', url);
  await expect(dialog).toContainText('stays in memory until the page is closed');
  await dialog.getByRole('button', { name: /^Download \d/ }).click();
  await expect(page.getByRole('banner')).toContainText('2 layers', { timeout: 90_000 });
  await expect(page.getByRole('note').filter({ hasText: 'stays in memory' })).toBeVisible();
  await lab.settled();
  // A lost device loads again from memory, not from the network.
  hub.reset();
  await lab.destroyDevice();
  await page
    .getByRole('alert', { name: 'DeviceLostError' })
    .getByRole('button', { name: 'Reopen device' })
    .click();
  await lab.settled();
  expect(hub.requests).toEqual([]);
});
