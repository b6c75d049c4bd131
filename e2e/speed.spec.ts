/** Measured speed: every format in a table, and the verdict in words. */
import { expect, test } from './fixtures/labPage';

test('the speed of every format is measured, drawn and put in words', async ({ lab, page }) => {
  await lab.openTwoBlock('samples=2&window=32&windows=2&s=0.5');
  await lab.button('Speed').click();
  const dialog = page.getByRole('dialog', { name: 'Speed' });
  for (const [name, value] of [
    ['Tokens decoded', '3'],
    ['Timed runs', '3'],
  ] as const) {
    await dialog.getByLabel(name).fill(value);
    await dialog.getByLabel(name).press('Tab');
  }
  expect(await lab.accessibility()).toEqual([]);
  await dialog.getByRole('button', { name: 'Measure' }).click();
  await expect(dialog.getByRole('progressbar', { name: 'Speed' })).toBeVisible();
  const figure = dialog.getByRole('figure', { name: 'Speed by storage format' });
  await expect(figure).toBeVisible({ timeout: 150_000 });
  const formats = await figure.locator('tbody tr td:first-child').allTextContents();
  expect(formats[0]).toBe('dense');
  for (const format of ['dense with zeros', 'bitmask', 'CSR'])
    expect(formats.some((name) => name.startsWith(format))).toBe(true);
  await expect(figure.locator('.plot rect').first()).toBeAttached();
  await expect(dialog.getByRole('region', { name: 'What the measurement says' })).toContainText(
    'software adapter',
  );
  await expect(dialog.getByRole('figure', { name: 'Break-even sparsity' }).locator('tbody tr')).toHaveCount(
    5,
  );
  expect(await lab.accessibility()).toEqual([]);

  // The Export dialog says it, format by format, before anything is downloaded.
  await dialog.getByRole('button', { name: 'Close' }).click();
  await lab.button('Export').click();
  const sizes = page.getByRole('region', { name: 'Sizes by format' });
  await expect(sizes.getByRole('columnheader', { name: 'tokens/s' })).toBeVisible();
  const measured = await sizes.locator('tbody tr td:last-child').allTextContents();
  expect(measured).toHaveLength(3);
  for (const cell of measured) expect(cell).toMatch(/^[\d.,]+ \(×[\d.]+\)$/);
  expect(await lab.accessibility()).toEqual([]);
});
