/** The search for a metric of Pruner-Zero: found, saved, used by the experiment; one that is stopped keeps what it has. */
import { readFileSync } from 'node:fs';
import { expect, test } from './fixtures/labPage';

interface Saved {
  schema: string;
  budget: number;
  best: { expression: string } | null;
  trials: { expression: string; perplexity: number | null }[];
}

test('a metric is searched, saved and used; a stopped search keeps what it found', async ({ lab, page }) => {
  await lab.openTwoBlock('samples=2&window=32&windows=2&sparsity=0.6&pruner=pruner-zero');
  const field = page.getByRole('textbox', { name: 'Metric', exact: true });
  await page.getByText('Parameters of the pruner').click();
  const published = await field.inputValue();
  await lab.button('Search metric').click();
  const dialog = page.getByRole('dialog', { name: 'Search metric' });
  const search = async (wanted: Record<string, string>): Promise<void> => {
    for (const [name, value] of Object.entries(wanted)) {
      await dialog.getByRole('textbox', { name }).fill(value);
      await page.keyboard.press('Tab');
    }
    await dialog.getByRole('button', { name: 'Start search' }).click();
  };
  await expect(dialog.getByRole('textbox', { name: 'Metrics to try' })).toHaveValue('12');
  expect(await lab.accessibility()).toEqual([]);

  await search({ 'Metrics to try': '4', Population: '2', Seed: '1' });
  const figure = dialog.getByRole('figure', { name: 'Best metric so far' });
  const use = dialog.getByRole('button', { name: 'Use this metric' });
  await expect(use).toBeEnabled({ timeout: 60_000 });
  await expect(figure.locator('tbody tr')).toHaveCount(4);
  await expect(figure.locator('.plot svg')).toBeVisible();
  const download = page.waitForEvent('download');
  await dialog.getByRole('button', { name: 'Save JSON' }).click();
  const saved = JSON.parse(readFileSync(await (await download).path(), 'utf8')) as Saved;
  expect(saved.schema).toBe('prunelab.metric-search/1');
  expect(saved.trials[0]?.expression).toBe(published);
  expect(await figure.locator('tbody tr td:last-child').allTextContents()).toEqual(
    saved.trials.map(({ expression }) => expression),
  );
  const best = saved.best?.expression ?? 'none';
  await expect(dialog.getByRole('region', { name: 'Best metric' })).toContainText(best);
  await expect(dialog.getByRole('region', { name: 'Metrics by perplexity' }).locator('tbody tr')).toHaveCount(
    4,
  );
  expect(await lab.accessibility()).toEqual([]);

  // Stopped: what was measured stays.
  await search({ 'Metrics to try': '5000' });
  await expect(dialog.getByRole('progressbar', { name: 'Metric search' })).toBeVisible();
  await expect.poll(() => figure.locator('tbody tr').count()).toBeGreaterThan(1);
  await dialog.getByRole('button', { name: 'Stop' }).click();
  await expect(use).toBeEnabled({ timeout: 60_000 });
  const kept = await figure.locator('tbody tr td:last-child').allTextContents();
  // One seed, one search: it began as the first one did.
  expect(kept.slice(0, 3)).toEqual(
    saved.trials
      .slice(0, kept.length)
      .slice(0, 3)
      .map((t) => t.expression),
  );

  await use.click();
  await expect(dialog).toBeHidden();
  await expect(lab.button('Search metric')).toBeFocused();
  const used = await field.inputValue();
  expect(kept).toContain(used);
  const query = new URL(page.url()).searchParams;
  expect(query.get('pruner')).toBe('pruner-zero');
  expect(query.getAll('set')).toEqual(used === published ? [] : [`expression=${used}`]);
});
