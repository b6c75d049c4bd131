/** Methods side by side: the queue, its table and charts, stopping, going on after a reload, exports. */
import { readFileSync } from 'node:fs';
import { expect, test } from './fixtures/labPage';

interface Row {
  key: string;
  status: string;
  zeros: number;
  perplexity: { report: { perplexity: number } };
}

test('a comparison is stopped, goes on after a reload, and is kept as files', async ({ lab, page }) => {
  const query = 'samples=2&window=32&windows=2';
  await lab.openTwoBlock(query);
  await lab.button('Compare').click();
  const dialog = page.getByRole('dialog', { name: 'Compare methods' });
  const rows = dialog.getByRole('region', { name: 'Rows of the comparison' }).locator('tbody tr');
  await expect(dialog.getByRole('checkbox', { name: 'Magnitude', exact: true })).toBeChecked();
  for (const box of await dialog.getByRole('group', { name: 'Pruners' }).getByRole('checkbox').all())
    await box.setChecked(false);
  await expect(dialog.getByRole('button', { name: 'Start comparison' })).toBeDisabled();
  await dialog.getByRole('checkbox', { name: 'Magnitude', exact: true }).check();
  await dialog.getByRole('textbox', { name: 'Sparsities' }).fill('0.5, 0.6');
  await dialog.getByRole('textbox', { name: 'Sparsities' }).press('Tab');
  await expect(dialog).toContainText('4 entries');
  expect(await lab.accessibility()).toEqual([]);

  await dialog.getByRole('button', { name: 'Start comparison' }).click();
  await expect(dialog.getByRole('progressbar', { name: 'Comparison' })).toBeVisible();
  await expect.poll(() => rows.count(), { timeout: 90_000 }).toBeGreaterThan(0);
  await dialog.getByRole('button', { name: 'Stop' }).click();
  await expect(dialog.getByRole('button', { name: 'Resume' })).toBeEnabled({ timeout: 60_000 });
  const before = await rows.count();
  expect(before).toBeLessThan(4);

  await page.reload();
  await lab.openTwoBlock(query);
  await lab.button('Compare').click();
  await expect(dialog).toContainText(`${before} of 4 rows are done`);
  await dialog.getByRole('button', { name: 'Resume' }).click();
  await expect.poll(() => rows.count(), { timeout: 120_000 }).toBe(4);
  await expect(dialog.getByRole('progressbar', { name: 'Comparison' })).toHaveCount(0);
  for (const name of [
    'Compared sparsity per layer',
    'Compared error per layer',
    'Perplexity versus sparsity',
    'Running best of each search',
  ])
    await expect(dialog.getByRole('figure', { name }).locator('.plot path').first()).toBeAttached();
  await expect(
    dialog.getByRole('figure', { name: 'Compared error per layer' }).locator('tbody tr'),
  ).toHaveCount(2);
  expect(await lab.accessibility()).toEqual([]);

  await dialog.getByRole('button', { name: 'zeros' }).click();
  await expect(dialog.getByRole('columnheader', { name: 'zeros' })).toHaveAttribute('aria-sort', 'ascending');

  const saved = async (name: string): Promise<string> => {
    const download = page.waitForEvent('download');
    await dialog.locator('.dialog-actions').getByRole('button', { name }).click();
    return readFileSync(await (await download).path(), 'utf8');
  };
  const json = JSON.parse(await saved('Save JSON')) as { schema: string; rows: Row[] };
  expect(json.schema).toBe('prunelab.compare/1');
  expect(json.rows.map(({ key, status }) => `${key} ${status}`)).toEqual(
    ['0.5', '0.6'].flatMap((s) => ['uniform', 'atp'].map((a) => `magnitude ${a} ${s} done`)),
  );
  for (const s of ['0.5', '0.6']) {
    const zeros = json.rows.filter(({ key }) => key.endsWith(s)).map((row) => row.zeros);
    expect(new Set(zeros).size).toBe(1);
  }
  const csv = await saved('Save CSV');
  expect(csv.trim().split('\r\n')).toHaveLength(5);
  expect(csv).toContain(String(Number(json.rows[0]?.perplexity.report.perplexity.toPrecision(9))));
  const html = await saved('Save HTML report');
  expect(html).not.toMatch(/<script|https?:\/\//);
  expect(html.match(/<svg viewBox="0 0 640 300"/g)).toHaveLength(7);
});
