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
  await expect(dialog).toContainText(new RegExp(`${before} of 4 rows (is|are) done`));
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

test('methods are given parameters of their own, by the keyboard alone, on a narrow screen', async ({
  lab,
  page,
}) => {
  await page.setViewportSize({ width: 360, height: 780 });
  await lab.openTwoBlock('samples=2&window=32&windows=2&sparsity=0.5');
  await lab.button('Compare').click();
  const dialog = page.getByRole('dialog', { name: 'Compare methods' });
  const entries = dialog.getByRole('list', { name: 'Entries with parameters' }).getByRole('listitem');
  const add = dialog.getByRole('button', { name: 'Add with parameters…' });
  const editor = dialog.getByRole('group', { name: 'New entry' });
  const beta = editor.getByRole('textbox', { name: 'Beta' });
  await expect(dialog.getByRole('checkbox', { name: 'Magnitude', exact: true })).toBeChecked();
  for (const group of ['Pruners', 'Allocations'])
    for (const box of await dialog.getByRole('group', { name: group }).getByRole('checkbox').all())
      await box.setChecked(false);
  await dialog.getByRole('checkbox', { name: 'Magnitude', exact: true }).check();

  const addAtp = async (value: string): Promise<void> => {
    await add.press('Enter');
    const method = editor.getByRole('combobox', { name: 'Method' });
    await expect(method).toBeFocused();
    await page.keyboard.press('Enter');
    await page.keyboard.type('ATP');
    await page.keyboard.press('Enter');
    await beta.fill(value);
    await page.keyboard.press('Enter');
    await editor.getByRole('button', { name: 'Add entry' }).press('Enter');
  };
  await addAtp('7');
  await expect(editor.getByRole('alert')).toContainText('Change at least one value');
  await beta.fill('7');
  await editor.getByRole('button', { name: 'Add entry' }).click();
  await expect(editor.getByRole('alert')).toContainText('beta is a number from -1 to 1, not 7');
  await expect(beta).toHaveValue('');
  await beta.fill('0.2');
  expect(await lab.accessibility()).toEqual([]);
  await editor.getByRole('button', { name: 'Add entry' }).click();
  await expect(entries).toHaveCount(1);
  await expect(add).toBeFocused();
  await addAtp('0.2');
  await expect(editor.getByRole('alert')).toHaveText('This entry is in the list already.');
  await page.keyboard.press('Escape');
  await expect(editor).toHaveCount(0);
  await expect(dialog).toBeVisible();
  await addAtp('0.4');
  await addAtp('0.6');
  await expect(entries).toHaveCount(3);
  await dialog.getByRole('button', { name: /^Remove .*Beta 0\.4$/ }).press('Enter');
  await dialog.getByRole('button', { name: /^Change .*Beta 0\.6$/ }).press('Enter');
  await dialog.getByRole('textbox', { name: 'Beta' }).fill('0.5');
  await dialog.getByRole('button', { name: 'Save entry' }).click();
  await expect(entries).toContainText([/Beta 0\.2/, /Beta 0\.5/]);
  await expect(dialog).toContainText('2 entries at 50');
  expect(await lab.accessibility()).toEqual([]);
  // Nothing of the setup lies outside the window.
  expect(await lab.overflow()).toBeLessThanOrEqual(0);
  expect(await dialog.evaluate((element) => element.scrollWidth - element.clientWidth)).toBeLessThanOrEqual(
    0,
  );

  await dialog.getByRole('button', { name: 'Start comparison' }).click();
  const rows = dialog.getByRole('region', { name: 'Rows of the comparison' }).locator('tbody tr');
  await expect.poll(() => rows.count(), { timeout: 120_000 }).toBe(2);
  await expect(dialog.getByRole('progressbar', { name: 'Comparison' })).toHaveCount(0);
  await expect(rows).toContainText([/atp:beta=0\.2/, /atp:beta=0\.5/]);
  // Beta is the rise from the first of the two layers to the second.
  const table = dialog.getByRole('figure', { name: 'Compared sparsity per layer' }).locator('table');
  const cells = await table
    .locator('tbody tr')
    .evaluateAll((list) =>
      list.map((row) => [...row.querySelectorAll('td')].map((cell) => Number(cell.textContent))),
    );
  for (const [column, rise] of [
    [1, 0.2],
    [2, 0.5],
  ] as const)
    expect((cells[1]?.[column] ?? NaN) - (cells[0]?.[column] ?? NaN)).toBeCloseTo(rise, 2);
});
