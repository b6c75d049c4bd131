/** The paper's claims on trial: run, cancelled, gone on with, kept over a reload and as files, on a narrow screen. */
import { readFileSync } from 'node:fs';
import { expect, test } from './fixtures/labPage';

interface Stored {
  schema: string;
  experiments: {
    theorem: string;
    done: boolean;
    verdict: { text: string } | null;
    base: { cumulative: number[]; dense: number[] };
    layers: { increase: number[] }[];
  }[];
}

test('theorem 3.4 runs end to end, its heat map says what its record holds, and a trial is cancelled', async ({
  lab,
  page,
}) => {
  await page.setViewportSize({ width: 360, height: 780 });
  await lab.openTwoBlock('samples=2&window=32&windows=2&sparsity=0.5');
  await lab.button('Theory').click();
  const dialog = page.getByRole('dialog', { name: 'Theory' });
  const claims = dialog.getByRole('region', { name: /^(Theorem|Lab theory|The curve|Error)/ });
  await expect(claims).toHaveCount(7);
  await expect(dialog.getByRole('textbox', { name: 'Sparsities of 3.1' })).toHaveValue(
    '0.1, 0.3, 0.5, 0.7, 0.9',
  );
  await dialog.getByRole('textbox', { name: 'Seeds' }).fill('0, 0');
  await expect(dialog.getByRole('textbox', { name: 'Seeds' })).toHaveAttribute('aria-invalid', 'true');
  await page.keyboard.press('Tab');
  await expect(dialog.getByRole('textbox', { name: 'Seeds' })).toHaveValue('0');

  const claim = dialog.getByRole('region', { name: /^Theorem 3\.4/ });
  await expect(claim).toContainText('3 prunings');
  await claim.getByRole('button', { name: /^Run: Theorem 3\.4/ }).click();
  await expect(claim).toContainText(/(Holds here|Holds in part|Does not hold here|Cannot be told)\./, {
    timeout: 120_000,
  });
  const map = dialog.getByRole('figure', { name: 'Spread of error' });
  await expect(map.locator('.plot svg')).toBeVisible();
  const cells = await map
    .locator('tbody tr')
    .evaluateAll((rows) => rows.map((row) => [...row.children].map((c) => Number(c.textContent))));

  const download = page.waitForEvent('download');
  await dialog.getByRole('button', { name: 'Save JSON' }).click();
  const record = JSON.parse(readFileSync(await (await download).path(), 'utf8')) as Stored;
  expect(record.schema).toBe('prunelab.theory/1');
  const [experiment] = record.experiments;
  expect(experiment?.theorem).toBe('3.4');
  expect(experiment?.done).toBe(true);
  await expect(claim).toContainText(experiment?.verdict?.text ?? 'no verdict');
  expect(cells).toHaveLength(2);
  experiment?.layers.forEach(({ increase }, raised) => {
    expect(cells[raised]?.[0]).toBe(raised + 1);
    increase.forEach((value, j) => {
      const share = value / (experiment.base.dense[j] ?? NaN);
      expect(cells[raised]?.[j + 1]).toBeCloseTo(share, 6);
    });
  });
  // What is raised behind a layer cannot reach it.
  expect(cells[1]?.[1]).toBe(0);

  const csv = page.waitForEvent('download');
  await map.getByRole('button', { name: 'Save CSV' }).click();
  expect(readFileSync(await (await csv).path(), 'utf8')).toMatch(/^raised,layer 1,layer 2\r\n1,/);
  const png = page.waitForEvent('download');
  await map.getByRole('button', { name: 'Save PNG' }).click();
  expect(
    readFileSync(await (await png).path())
      .subarray(1, 4)
      .toString(),
  ).toBe('PNG');

  expect(await lab.accessibility()).toEqual([]);
  expect(await lab.overflow()).toBeLessThanOrEqual(0);
  expect(await dialog.evaluate((element) => element.scrollWidth - element.clientWidth)).toBeLessThanOrEqual(
    0,
  );

  // Cancelled: what was measured stays, and the other claims can be run again.
  await dialog.getByRole('button', { name: 'Run all seven' }).click();
  await expect(dialog.getByRole('progressbar', { name: 'Theory' })).toBeVisible();
  await dialog.getByRole('button', { name: 'Stop' }).click();
  await expect(dialog.getByRole('button', { name: 'Run all seven' })).toBeEnabled({ timeout: 60_000 });
  await expect(map.locator('tbody tr')).toHaveCount(2);

  await page.reload();
  await lab.openTwoBlock('samples=2&window=32&windows=2&sparsity=0.5');
  await lab.button('Theory').click();
  await expect(map.locator('tbody tr')).toHaveCount(2);
  await expect(dialog.getByRole('button', { name: /^Run again: Theorem 3\.4/ })).toBeEnabled();
  await expect(dialog).not.toContainText('The settings have changed since');
});
