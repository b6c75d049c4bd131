/** Experiments that open again: from an export's record, and from the list of past runs. */
import { readFileSync } from 'node:fs';
import { expect, test } from './fixtures/labPage';

test('a past run survives a reload, opens with its figures, and its JSON opens as the same experiment', async ({
  lab,
  page,
}) => {
  await lab.openTwoBlock();
  const before = await lab.table('Reconstruction error per layer');
  const address = new URL(page.url()).searchParams;
  await page.reload();
  // The address names a folder of the user's, which no link can open; the demo stands in.
  await lab.button('Dismiss').first().click();
  await lab.state('running', 'ready');

  await lab.button('Past runs').click();
  const list = page.getByRole('list', { name: 'Past runs' });
  const run = list.getByRole('listitem').filter({ hasText: 'wanda' }).filter({ hasNotText: 'Demo' }).first();
  await expect(run).toBeVisible();
  expect(await lab.accessibility()).toEqual([]);
  const download = page.waitForEvent('download');
  await run.getByRole('button', { name: /^Save as JSON/ }).click();
  const file = readFileSync(await (await download).path(), 'utf8');
  await run.getByRole('button', { name: /^Open / }).click();

  // The base model is a folder of the user's: it is asked for, and the figures stand there already.
  const dialog = page.getByRole('dialog', { name: 'The model behind this experiment' });
  await expect(dialog).toContainText((JSON.parse(file) as { model: { sha256: string } }).model.sha256);
  await dialog.getByRole('button', { name: 'Only look at the figures' }).click();
  const shown = await lab.table('Reconstruction error per layer');
  expect(shown.rows.map((row) => row.slice(0, 5))).toEqual(before.rows.map((row) => row.slice(0, 5)));
  expect(shown.caption).toContain('not measured here');
  for (const key of ['sparsity', 'beta', 'samples', 'window', 'seed'])
    expect(new URL(page.url()).searchParams.get(key)).toBe(address.get(key));

  await lab.loadFiles(
    [{ name: 'run.json', mimeType: 'application/json', buffer: Buffer.from(file) }],
    'From disk: files…',
  );
  await expect(dialog).toBeVisible();
  await dialog.getByRole('button', { name: 'Close' }).click();
  await lab.loadFiles(
    ['config.json', 'model.safetensors', 'tokenizer.json'].map(
      (name) => `src/testing/fixtures/two-block/${name}`,
    ),
    'From disk: files…',
  );
  await page.getByRole('button', { name: 'Run it again' }).click();
  await expect(page.getByText(/^Run again: every figure is that of run\.json/)).toBeVisible({
    timeout: 120_000,
  });
  expect(await lab.table('Reconstruction error per layer')).toMatchObject({ caption: before.caption });

  await lab.button('Past runs').click();
  await lab.button('Delete all').click();
  await expect(page.getByText('No run has finished yet.')).toBeVisible();
});

test('a report that was tampered with is an alert, not a drawing', async ({ lab, page }) => {
  await lab.openTwoBlock();
  const buffer = Buffer.from(JSON.stringify({ schema: 'prunelab.run/1', spec: { sparsity: 'much' } }));
  await lab.loadFiles([{ name: 'pruning.json', mimeType: 'application/json', buffer }], 'From disk: files…');
  await expect(page.getByRole('alert', { name: 'SpecError' })).toContainText('pruning.json');
});
