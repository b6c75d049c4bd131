/** The sweep in the background, cancelling, going to a point, comparing. */
import { readFileSync } from 'node:fs';
import { expect, SMALL, test } from './fixtures/labPage';

const CURVE = 'Perplexity versus beta';

test('a sweep measures the grid; its points are kept, clicked and dropped as they should be', async ({
  lab,
  page,
}) => {
  await lab.openTwoBlock();
  const kinds = page.getByRole('radiogroup', { name: 'Statistics of the sweep' });
  await kinds.getByRole('radio', { name: 'Exact' }).check();
  await lab.button(/^Run sweep/).click();
  await expect.poll(async () => (await lab.table(CURVE)).rows.length, { timeout: 120_000 }).toBe(10);
  await lab.state('ready');
  const curve = await lab.table(CURVE);
  expect(curve.caption).toContain('exact');
  expect(curve.current).toBeGreaterThanOrEqual(0);

  // A point is a button: by keyboard too.
  const point = lab
    .figure(CURVE)
    .getByRole('button', { name: /^Go to beta 0\.124,.*perplexity [\d.,]+$/ })
    .first();
  await point.focus();
  await page.keyboard.press('Enter');
  expect(Number(await lab.beta.getAttribute('aria-valuenow'))).toBeCloseTo(0.124, 9);
  await lab.settled();
  expect((await lab.table(CURVE)).rows).toEqual(curve.rows);

  // Anything but beta empties the curve; undo brings it back.
  await lab.choose('Pruner', /^Magnitude/i);
  await expect.poll(async () => (await lab.table(CURVE)).rows.length).toBe(0);
  await lab.button('Undo').click();
  await expect.poll(async () => (await lab.table(CURVE)).rows).toEqual(curve.rows);
});

test('several seeds: mean and range of every point, in the table and as a band', async ({ lab }) => {
  await lab.openTwoBlock('samples=2&window=32&windows=2&seeds=3,5');
  await lab.page
    .getByRole('radiogroup', { name: 'Statistics of the sweep' })
    .getByRole('radio', { name: /^Preview/ })
    .check();
  await lab.button(/^Run sweep/).click();
  await expect.poll(async () => (await lab.table(CURVE)).rows.length, { timeout: 120_000 }).toBe(10);
  await lab.state('ready');
  const { columns, rows, caption, current } = await lab.table(CURVE);
  expect(columns).toEqual([
    'beta',
    'perplexity',
    'KL, nats',
    'same first choice',
    'mean',
    'lowest',
    'highest',
  ]);
  expect(caption).toContain('over 2 calibration seeds');
  const means: number[] = [];
  for (const row of rows) {
    const [, perplexity = NaN, kl = NaN, same = NaN, mean = NaN, low = NaN, high = NaN] = row.map(Number);
    expect([low, high]).toContain(perplexity);
    expect(Math.abs(mean - (low + high) / 2) < 1e-6 * mean).toBe(true);
    expect(kl).toBeGreaterThan(0);
    expect(same).toBeGreaterThanOrEqual(0);
    expect(same).toBeLessThanOrEqual(1);
    means.push(mean);
  }
  expect(rows.some((row) => row[5] !== row[6])).toBe(true);
  expect(current).toBe(means.indexOf(Math.min(...means)));
  await expect(lab.figure(CURVE)).toContainText('range over 2 seeds');
  await expect(lab.figure(CURVE).locator('.seed-band path').first()).toBeAttached();
  // The main seed is the first of the list where none is named.
  expect(new URL(lab.page.url()).searchParams.get('seed') ?? '3').toBe('3');
  await lab.figure(CURVE).getByRole('radio', { name: 'KL from dense' }).check();
  await expect(
    lab
      .figure(CURVE)
      .getByRole('button', { name: /^Go to beta .*, KL from dense [\d.]+.nats/ })
      .first(),
  ).toBeAttached();
  await expect(lab.page.getByRole('region', { name: 'Results' })).toContainText('over 2 seeds');
});

test('cancel stops the engine and leaves what was measured', async ({ lab }) => {
  await lab.open(`?${SMALL}`); // the demo: its sweep lasts
  await expect(lab.status).toHaveText(/^Sweep/, { timeout: 120_000 });
  await lab.button('Cancel').click();
  await lab.state('ready');
  await expect(lab.button('Cancel')).toHaveCount(0);
  await expect(lab.status).toHaveText(/cancelled/i);
  expect(
    (await lab.column('Reconstruction error per layer', 'cumulative')).every((text) => text !== ''),
  ).toBe(true);
  const measured = (await lab.table(CURVE)).rows.length;
  expect(measured).toBeLessThan(10);
  // The lab goes on.
  await lab.sparsity.focus();
  await lab.page.keyboard.press('ArrowLeft');
  await lab.settled();
});

test('a run is pinned that the next ones are drawn against', async ({ lab, page }) => {
  await lab.openTwoBlock();
  await lab.button('Pin this run').click();
  await expect(lab.button('Pin this run')).toHaveAttribute('aria-pressed', 'true');
  await lab.beta.focus();
  for (let i = 0; i < 3; i++) await page.keyboard.press('PageUp');
  await lab.settled();
  await expect(page.getByRole('region', { name: 'Results' })).toContainText('the pinned run (wanda');
});

test('every chart can be kept as a table and as a picture', async ({ lab, page }) => {
  await lab.openTwoBlock();
  const figure = lab.figure('Reconstruction error per layer');
  const csv = page.waitForEvent('download');
  await figure.getByRole('button', { name: 'Save CSV' }).click();
  const text = readFileSync(await (await csv).path(), 'utf8');
  const { columns, rows } = await lab.table('Reconstruction error per layer');
  expect(text).toBe([columns, ...rows].map((row) => `${row.join(',')}\r\n`).join(''));

  for (const name of [
    'Reconstruction error per layer',
    'Sparsity per layer',
    'Perplexity versus beta',
  ] as const) {
    const png = page.waitForEvent('download');
    await lab.figure(name).getByRole('button', { name: 'Save PNG' }).click();
    const bytes = readFileSync(await (await png).path());
    expect(bytes.subarray(1, 4).toString()).toBe('PNG');
    expect(bytes.readUInt32BE(16)).toBeGreaterThan(600); // width
    expect(bytes.length).toBeGreaterThan(4000);
  }
});
