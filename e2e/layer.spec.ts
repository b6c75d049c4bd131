/** A layer from inside: reached from the charts and the details of a run, walked by keyboard. */
import { readFile } from 'node:fs/promises';
import { expect, test } from './fixtures/labPage';

test('a layer is opened from the strip, walked by keyboard, and its figures add up', async ({ lab, page }) => {
  await lab.openTwoBlock();
  const achieved = await lab.numbers('Sparsity per layer', 'achieved');
  await page.getByRole('button', { name: 'Look into layer 1' }).focus();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog', { name: 'Layer 2 of 2' });
  const table = dialog.getByRole('region', { name: 'Matrices of the layer' });
  await expect(table.getByRole('row')).toHaveCount(8);
  const rows = await table.locator('tbody tr').evaluateAll((all) =>
    all.map((row) => [...row.children].map((cell) => cell.textContent ?? '')),
  );
  let zeros = 0;
  let weights = 0;
  for (const [, share = '', , error = '', , , shape = ''] of rows) {
    const [outputs = 0, inputs = 0] = shape.split(' × ').map(Number);
    zeros += (parseFloat(share) / 100) * outputs * inputs;
    weights += outputs * inputs;
    expect(Number(error)).toBeGreaterThan(0);
    expect(Number(error)).toBeLessThan(1);
  }
  // The shares are written to two decimals of a percent.
  expect(zeros / weights).toBeCloseTo(achieved[1] ?? NaN, 3);

  // The picture says in words what it shows, and has as many dots as weights are left.
  await expect(dialog.getByRole('img', { name: /^q: \d+\.\d+.% zeros, 0 dead rows, 0 dead columns$/ })).toBeVisible();
  const left = await dialog.locator('canvas').evaluate((canvas: HTMLCanvasElement) => {
    const { data } = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height) ?? { data: [] };
    return Array.from(data).filter((value, i) => i % 4 === 3 && value > 0).length / (canvas.width * canvas.height);
  });
  expect(left).toBeCloseTo(1 - parseFloat(rows[0]?.[1] ?? '') / 100, 3);

  // The histogram's table counts every weight once.
  const histogram = dialog.getByRole('figure', { name: 'Score histogram' });
  const sums = await histogram.locator('tbody').evaluate((body) =>
    [2, 3].map((column) => [...body.children].reduce((sum, row) => sum + Number(row.children[column]?.textContent), 0)),
  );
  const [keptWeights = 0, prunedWeights = 0] = sums;
  expect(keptWeights + prunedWeights).toBe(64 * 64);
  expect(prunedWeights / 4096).toBeCloseTo(parseFloat(rows[0]?.[1] ?? '') / 100, 3);

  await table.getByRole('button', { name: 'q', exact: true }).focus();
  await page.keyboard.press('ArrowDown');
  await expect(table.getByRole('button', { name: 'k', exact: true })).toHaveAttribute('aria-pressed', 'true');
  await expect(dialog.getByRole('img', { name: /^k: / })).toBeVisible();
  expect(await lab.accessibility()).toEqual([]);

  await page.keyboard.press('ArrowLeft');
  const first = page.getByRole('dialog', { name: 'Layer 1 of 2' });
  await expect(first).toBeVisible();
  await expect(first.locator('[aria-busy=false]')).toBeVisible();
  await expect(first.getByRole('button', { name: 'Previous layer' })).toBeDisabled();
  const download = page.waitForEvent('download');
  await first.getByRole('button', { name: 'Save CSV' }).click();
  expect(await readFile(await (await download).path(), 'utf8')).toMatch(/^from,to,kept,pruned\r\n0,0,\d+,\d+\r\n/);
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toHaveCount(0);
}); // prettier-ignore

test('the details of a run lead to every layer, on a phone too', async ({ lab, page }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await lab.openTwoBlock();
  await page.getByText(/^Details of this run/).click();
  await page.getByRole('button', { name: 'Layer 1', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: 'Layer 1 of 2' });
  await expect(dialog.getByRole('figure', { name: 'Mask' })).toBeVisible();
  expect(await lab.overflow()).toBeLessThanOrEqual(0);
  expect(await dialog.evaluate((element) => element.scrollWidth - element.clientWidth)).toBeLessThanOrEqual(
    0,
  );
});
