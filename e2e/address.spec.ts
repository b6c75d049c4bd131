/** The experiment in the address. */
import { expect, SMALL, test } from './fixtures/labPage';

test('illegal values are said and replaced by the default', async ({ lab, page }) => {
  await lab.open(`?${SMALL}&sparsity=7&beta=5&pruner=nosuch&seed=-1`);
  await expect(page.getByRole('alert', { name: 'SpecError' }).first()).toBeVisible();
  const said = async () => (await lab.alert.allTextContents()).join(' ');
  for (const word of ['sparsity', 'seed', 'nosuch']) await expect.poll(said).toContain(word);
  await expect.poll(said, { timeout: 90_000 }).toMatch(/beta 5 is not legal/);
  await lab.state('error');
  await expect(lab.sparsity).toHaveAttribute('aria-valuenow', '0.7');
  await expect(lab.beta).toHaveAttribute('aria-valuenow', '0');
  expect(await lab.accessibility()).toEqual([]);
  for (;;) {
    const dismiss = lab.alert.first().getByRole('button', { name: 'Dismiss' });
    if ((await lab.alert.count()) === 0) break;
    await dismiss.click();
  }
  await lab.state('running', 'ready');
});

test('a legal address runs the same experiment', async ({ lab }) => {
  await lab.open(`?${SMALL}&pruner=magnitude&sparsity=0.5&beta=0.02&seed=3`);
  await expect(lab.sparsity).toHaveAttribute('aria-valuenow', '0.5');
  await expect(lab.choice('Pruner')).toContainText(/magnitude/i);
  await lab.state('running');
  await expect(lab.beta).toHaveAttribute('aria-valuenow', '0.02');
  await lab.button('Cancel').click();
});

test('a pattern fixes the rate of every layer', async ({ lab }) => {
  await lab.openTwoBlock(`${SMALL}&pattern=2:4`);
  await expect(lab.beta).toBeDisabled();
  await expect(lab.sparsity).toBeDisabled();
  expect(await lab.numbers('Sparsity per layer', 'asked')).toEqual([0.5, 0.5]);
  expect(await lab.numbers('Sparsity per layer', 'achieved')).toEqual([0.5, 0.5]);
  await lab.choose('Pattern', /^Free/);
  await expect(lab.beta).toBeEnabled();
});

test('a mixed pattern follows beta in whole eighths', async ({ lab }) => {
  await lab.openTwoBlock(`${SMALL}&pattern=mixed:8&sparsity=0.5`);
  await expect(lab.choice('Pattern')).toContainText('Mixed N:8');
  await expect(lab.beta).toBeEnabled();
  await expect(lab.sparsity).toHaveAttribute('aria-valuemax', '0.875');
  await lab.beta.press('End');
  await lab.settled();
  // At least one of eight stays.
  expect(await lab.numbers('Sparsity per layer', 'asked')).toEqual([0, 0.875]);
  expect(await lab.numbers('Sparsity per layer', 'achieved')).toEqual([0, 0.875]);
  await lab.choose('Allocation', /^Uniform/);
  await expect(lab.choice('Pattern')).toContainText('Free');
});

test('a model of the Hub is asked about before anything of it is fetched', async ({ lab, page }) => {
  const asked: string[] = [];
  await page.route('**/api/models/**', async (route) => {
    asked.push(route.request().url());
    await route.fulfill({ status: 404, body: 'not found' });
  });
  await lab.open(`?model=hf:owner/name&hub=${encodeURIComponent('http://127.0.0.1:9')}`);
  const dialog = page.getByRole('dialog', { name: 'A model from the Hub' });
  await expect(dialog).toBeVisible({ timeout: 90_000 });
  await expect(dialog.getByRole('textbox', { name: 'Name' })).toHaveValue('owner/name');
  await expect(dialog.getByRole('button', { name: /^Download/ })).toBeDisabled();
  expect(await lab.accessibility()).toEqual([]);
  await dialog.getByRole('button', { name: 'Use the demo model instead' }).click();
  await expect(page.getByRole('banner')).toContainText('Demo model', { timeout: 90_000 });
});
