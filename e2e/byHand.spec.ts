/** Rates by hand: drawn, moved by keys, kept at the mean, from a file and to one; parameters of methods. */
import { readFile } from 'node:fs/promises';
import { expect, SMALL, test } from './fixtures/labPage';

const STRIP = 'Sparsity per layer';

test('a curve is drawn and moved by keys, and the run follows', async ({ lab, page }) => {
  await lab.openTwoBlock();
  await lab.choose('Allocation', /^By hand/);
  const first = page.getByRole('slider', { name: 'Layer 1', exact: true });
  await first.focus();
  await page.keyboard.press('PageDown');
  await page.keyboard.press('ArrowDown');
  await expect(first).toHaveAttribute('aria-valuenow', '0.59');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowUp');
  await lab.settled();
  expect(await lab.numbers(STRIP, 'asked')).toEqual([0.59, 0.71]);
  const [achieved = 0] = await lab.numbers(STRIP, 'achieved');
  expect(achieved).toBeGreaterThan(0.56);
  expect(achieved).toBeLessThanOrEqual(0.59);
  await expect(page).toHaveURL(/allocation=custom.*layer-sparsity=0\.59,0\.71/);
  // Its comparison is the uniform run, another one.
  expect(await lab.column('Reconstruction error per layer', 'uniform')).not.toEqual(
    await lab.column('Reconstruction error per layer', 'cumulative'),
  );

  await lab.button('Keep the mean').click();
  await lab.settled();
  expect(await lab.numbers(STRIP, 'asked')).toEqual([0.64, 0.76]);
  await expect(lab.button('Keep the mean')).toBeDisabled();

  // The pointer draws where it goes.
  const area = await page.getByRole('group', { name: 'Rates by hand' }).boundingBox();
  if (!area) throw new Error('no strip');
  await page.mouse.move(area.x + area.width * 0.25, area.y + area.height * 0.15);
  await page.mouse.down();
  await page.mouse.move(area.x + area.width * 0.75, area.y + area.height * 0.85, { steps: 10 });
  await page.mouse.up();
  await lab.settled();
  const drawn = await lab.numbers(STRIP, 'asked');
  expect(drawn[0]).toBeGreaterThan((drawn[1] ?? 1) + 0.1);
  expect(await lab.accessibility()).toEqual([]);

  await lab.choose('Allocation', /^Uniform/);
  await expect(page).not.toHaveURL(/layer-sparsity/);
  await lab.settled();
});

test('a list comes from a file, wrong ones are named, and it is saved as it is read', async ({ lab, page }) => {
  await lab.openTwoBlock();
  await lab.choose('Allocation', /^By hand/);
  const give = async (name: string, text: string): Promise<void> => {
    const chooser = page.waitForEvent('filechooser');
    await lab.button('Load a list…').click();
    await (await chooser).setFiles({ name, mimeType: 'application/json', buffer: Buffer.from(text) });
  };
  await give('short.json', '[0.5]');
  await expect(page.getByRole('alert', { name: 'SpecError' })).toContainText('short.json: 1 layer sparsities were given for a model of 2 layers.');
  await page.getByRole('button', { name: 'Dismiss' }).click();

  const matrices = ['self_attn.q', 'self_attn.k', 'self_attn.v', 'self_attn.o', 'mlp.gate', 'mlp.up', 'mlp.down'];
  const object = Object.fromEntries([0, 1].flatMap((layer) => matrices.map((name) => [`model.layers.${layer}.${name}_proj.weight`, name.startsWith('mlp') ? 0.75 : 0.25])));
  await give('rates.json', JSON.stringify(object));
  await lab.settled();
  // 12,288 weights of attention and 18,432 of the MLP in each layer.
  const mean = (0.25 * 12288 + 0.75 * 18432) / 30720;
  for (const asked of await lab.numbers(STRIP, 'asked')) expect(asked).toBeCloseTo(mean, 6);
  await expect(page.getByText(/One rate for each of the 14 matrices/)).toBeVisible();

  const download = page.waitForEvent('download');
  await lab.button('Save the list').click();
  expect(JSON.parse(await readFile(await (await download).path(), 'utf8'))).toEqual(object);
  await lab.button('Draw by layer').click();
  await expect(page.getByRole('slider', { name: 'Layer 2', exact: true })).toHaveAttribute('aria-valuenow', '0.55');
  await lab.settled();
}); // prettier-ignore

test('parameters of a method are set, written to the address, and illegal ones are said', async ({
  lab,
  page,
}) => {
  await lab.open(`?${SMALL}&set=select=tpu&set=exactBudget=true&set=nosuch=1`);
  const alert = page.getByRole('alert', { name: 'SpecError' });
  await expect(alert).toContainText('select is auto or gpu or cpu, not "tpu"');
  await expect(alert).toContainText('no parameter "nosuch"');
  await page.getByRole('button', { name: 'Dismiss' }).click();
  await page.getByText('Parameters of the pruner').click();
  const exact = page.getByRole('switch', { name: /^Exact budget/ });
  await expect(exact).toBeChecked();
  await page.getByRole('combobox', { name: 'Select on', exact: true }).click();
  await page.getByRole('option', { name: 'cpu' }).click();
  await expect(page).toHaveURL(/set=exactBudget(=|%3D)true&set=select(=|%3D)cpu/);
  expect(await lab.accessibility()).toEqual([]);
  await exact.uncheck();
  await expect(page).not.toHaveURL(/exactBudget/);
  await lab.choose('Pruner', /^Magnitude/);
  await expect(page).toHaveURL(/pruner=magnitude.*set=select(=|%3D)cpu/);
});
