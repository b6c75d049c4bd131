/** Zero-shot tasks in the page: a file of the user's own, dense beside pruned, the table, the words, the exports. */
import { readFileSync } from 'node:fs';
import { expect, test } from './fixtures/labPage';

const ITEMS = Array.from({ length: 4 }, (_, i) =>
  JSON.stringify({ goal: `Open jar number ${i},`, sol1: 'turn the lid.', sol2: 'drop it.', label: i % 2 }),
).join('\n');

test('a file of items is scored on both models; a wrong line is named', async ({ lab, page }) => {
  await lab.openTwoBlock('samples=2&window=32&windows=2');
  await lab.button('Tasks').click();
  const dialog = page.getByRole('dialog', { name: 'Zero-shot tasks' });
  await dialog.getByRole('checkbox', { name: 'Next sentence (bundled)' }).uncheck();
  await expect(dialog.getByRole('button', { name: 'Run tasks' })).toBeDisabled();
  const give = (name: string, text: string) =>
    dialog
      .locator('input[type=file]')
      .setInputFiles({ name, mimeType: 'application/jsonl', buffer: Buffer.from(text) });
  await give('piqa.jsonl', ITEMS);
  await expect(dialog.getByRole('combobox', { name: 'Task of piqa.jsonl' })).toHaveValue('piqa');
  expect(await lab.accessibility()).toEqual([]);

  await dialog.getByRole('button', { name: 'Run tasks' }).click();
  const figure = dialog.getByRole('figure', { name: 'Zero-shot accuracy' });
  await expect(figure).toBeVisible({ timeout: 120_000 });
  const row = figure.locator('tbody tr');
  await expect(row).toHaveCount(1);
  await expect(row.locator('td').nth(0)).toHaveText('PIQA');
  await expect(row.locator('td').nth(2)).toHaveText('0.500000');
  await expect(figure.locator('.plot svg circle')).toHaveCount(2);
  const said = dialog.getByRole('region', { name: 'What the tasks say' });
  await expect(said).toContainText(/The dense model is right in .* of 4 items; guessing gives 50\.0\s%/);
  await expect(said).toContainText(/Pruning loses \d+ right answers and gains \d+ .*McNemar/);
  expect(await lab.accessibility()).toEqual([]);

  const download = page.waitForEvent('download');
  await dialog.getByRole('button', { name: 'Save JSON' }).click();
  const record = JSON.parse(readFileSync(await (await download).path(), 'utf8')) as {
    schema: string;
    tasks: { items: unknown[] }[];
  };
  expect(record.schema).toBe('prunelab.zeroshot/1');
  expect(record.tasks[0]?.items).toHaveLength(4);

  await give('piqa.jsonl', `${ITEMS}\n{"goal": 1}`);
  await dialog.getByRole('button', { name: 'Run tasks' }).click();
  await dialog.getByRole('button', { name: 'Close' }).click();
  await expect(page.getByRole('alert')).toContainText('piqa.jsonl: line 5: "goal" is no text.', {
    timeout: 60_000,
  });
});
