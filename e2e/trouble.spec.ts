/** What goes wrong, and that the lab goes on. */
import { expect, SMALL, test } from './fixtures/labPage';

test('a hostile file is refused by name and the model before it stays', async ({ lab, page }) => {
  await lab.openTwoBlock();
  const before = await lab.table('Reconstruction error per layer');
  const header = Buffer.alloc(16);
  header.writeBigUInt64LE(1n << 60n); // a header longer than any file
  await lab.loadFiles(
    [
      { name: 'model.safetensors', mimeType: 'application/octet-stream', buffer: header },
      { name: 'config.json', mimeType: 'application/json', buffer: Buffer.from('{"model_type":"llama"}') },
    ],
    'From disk: files…',
  );
  const alert = page.getByRole('alert', { name: 'FormatError' });
  await expect(alert).toBeVisible();
  await expect(alert).toContainText(/safetensors/);
  await expect(alert).toContainText('Kept:');
  await lab.state('error');
  expect(await lab.accessibility()).toEqual([]);
  await alert.getByRole('button', { name: 'Dismiss' }).click();
  await lab.state('ready');
  await expect(page.getByRole('banner')).toContainText('2 layers');
  expect(await lab.table('Reconstruction error per layer')).toEqual(before);
});

async function recovers(
  lab: import('./fixtures/labPage').LabPage,
  lose: () => Promise<unknown>,
): Promise<void> {
  await lab.openTwoBlock();
  const before = await lab.table('Reconstruction error per layer');
  await lose();
  const alert = lab.page.getByRole('alert', { name: 'DeviceLostError' });
  await expect(alert).toBeVisible({ timeout: 60_000 });
  await lab.state('error');
  await alert.getByRole('button', { name: 'Reopen device' }).click();
  await expect(alert).toHaveCount(0);
  await lab.settled();
  // The same device runs the same spec to the same figures.
  expect(await lab.table('Reconstruction error per layer')).toEqual(before);
}

test('a destroyed device ends in an alert and a lab that goes on', async ({ lab }) => {
  await recovers(lab, () => lab.destroyDevice());
});

test('a crashed GPU process ends in an alert and a lab that goes on', async ({ lab, browser }) => {
  const session = await browser.newBrowserCDPSession();
  await recovers(lab, () => session.send('Browser.crashGpuProcess' as never).catch(() => undefined));
});

test('a device lost in the middle of a run', async ({ lab, page }) => {
  await lab.open(`?${SMALL}`); // the demo: its sweep lasts
  await expect(lab.status).toHaveText(/^Sweep/, { timeout: 120_000 });
  await lab.destroyDevice();
  await expect(page.getByRole('alert', { name: 'DeviceLostError' })).toHaveCount(1);
  await expect(lab.alert).toHaveCount(1);
  await lab.alert.getByRole('button', { name: 'Reopen device' }).click();
  await lab.settled();
});

test('without WebGPU the page says why and what to do', async ({ lab, page }) => {
  await page.addInitScript(() =>
    Object.defineProperty(Navigator.prototype, 'gpu', { value: undefined, configurable: true }),
  );
  await lab.open();
  await lab.state('unsupported');
  await expect(page.getByRole('heading', { name: 'The lab needs WebGPU' })).toBeVisible();
  await expect(page.getByRole('listitem').first()).not.toBeEmpty();
  expect(await lab.accessibility()).toEqual([]);
});

test('without an adapter the page says that instead', async ({ lab, page }) => {
  await page.addInitScript(() => {
    navigator.gpu.requestAdapter = () => Promise.resolve(null);
  });
  await lab.open();
  await lab.state('unsupported');
  await expect(page.getByText('offers no adapter')).toBeVisible();
});
