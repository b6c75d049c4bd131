/** The first minute: the demo is there, errors climb row by row, the curve fills in, nothing was asked of anyone. */
import { expect, test } from './fixtures/labPage';

const ERRORS = 'Reconstruction error per layer';
const CURVE = 'Perplexity versus beta';

test('the demo runs and sweeps unasked', async ({ lab, page }) => {
  await lab.open();
  await expect(lab.beta).toBeVisible();

  // Rows come one after another: at some time the first is there and the last is not.
  await expect
    .poll(
      async () => {
        const known = (await lab.column(ERRORS, 'cumulative')).filter((text) => text !== '').length;
        return known > 0 && known < 16;
      },
      { timeout: 90_000, intervals: [50] },
    )
    .toBe(true);
  await lab.state('running');
  await expect(lab.button('Cancel')).toBeVisible();
  await expect(page.getByRole('progressbar')).toBeVisible();
  await expect(lab.status).not.toBeEmpty();

  await expect.poll(() => lab.column(ERRORS, 'cumulative'), { timeout: 120_000 }).not.toContain('');
  const cumulative = await lab.numbers(ERRORS, 'cumulative');
  expect(cumulative).toHaveLength(16);
  expect(cumulative.at(-1)).toBeGreaterThan(cumulative[0] as number);
  // E_cum(1) = E_loc(1), and at beta 0 the run is its own comparison.
  expect((await lab.numbers(ERRORS, 'local'))[0]).toBeCloseTo(cumulative[0] as number, -1);
  await expect
    .poll(() => lab.column(ERRORS, 'uniform'), { timeout: 120_000 })
    .toEqual(await lab.column(ERRORS, 'cumulative'));
  for (const cell of await lab.column(ERRORS, 'cumulative')) {
    expect(cell).toMatch(/^\d+(\.\d+)?$/);
    expect(cell.replace(/^0\.0*|\./g, '').length).toBeGreaterThanOrEqual(6);
  }
  expect((await lab.table(ERRORS)).caption).toMatch(/squared.*calibration text; \d+ tokens; exact\.$/i);

  // The sweep: points appear as they are measured, then one is the best.
  await expect
    .poll(async () => (await lab.table(CURVE)).rows.length, { timeout: 120_000 })
    .toBeGreaterThan(0);
  await expect.poll(async () => (await lab.table(CURVE)).rows.length, { timeout: 170_000 }).toBe(10);
  await lab.state('ready');
  const curve = await lab.table(CURVE);
  const figures = await lab.numbers(CURVE, 'perplexity');
  expect(figures[curve.current]).toBe(Math.min(...figures));
  const betas = await lab.numbers(CURVE, 'beta');
  expect(betas).toEqual([...betas].sort((a, b) => a - b));
  await expect(lab.button('Cancel')).toHaveCount(0);
  expect(await lab.overflow()).toBeLessThanOrEqual(0);
  expect(await lab.accessibility()).toEqual([]);
});
