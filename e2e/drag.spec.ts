/** Dragging: the allocation in the same frame, the error while dragging, everything else on release. */
import { expect, test } from './fixtures/labPage';

const ERRORS = 'Reconstruction error per layer';

test('a drag of three seconds shows at least five error curves, then the exact run', async ({
  lab,
  page,
}) => {
  await lab.openTwoBlock();
  const before = await lab.table(ERRORS);
  expect(before.caption).toContain('exact');

  await page.evaluate(() => {
    const seen: string[] = [];
    const kinds = new Set<string>();
    const table = document.querySelector('figure[aria-label="Reconstruction error per layer"] table');
    if (!table) throw new Error('no table');
    new MutationObserver(() => {
      const cells = [...table.querySelectorAll('tbody tr')].map((row) => row.children[4]?.textContent ?? '');
      if (cells.every((cell) => cell !== '') && !seen.includes(cells.join())) seen.push(cells.join());
      kinds.add(table.querySelector('caption')?.textContent ?? '');
    }).observe(table, { subtree: true, childList: true, characterData: true });
    Object.assign(window, { seenCurves: seen, seenCaptions: kinds });
  });

  const from = await lab.betaPoint(0);
  await page.mouse.move(from.x, from.y);
  await page.mouse.down();
  const started = Date.now();
  for (let i = 1; Date.now() - started < 3000; i++) {
    const { x, y } = await lab.betaPoint(0.05 + 0.9 * Math.abs(Math.sin(i / 20)));
    await page.mouse.move(x, y);
    await page.waitForTimeout(25);
  }
  const seen = await page.evaluate(() => (window as unknown as { seenCurves: string[] }).seenCurves);
  expect(seen.length).toBeGreaterThanOrEqual(5);

  // Preview and exact never share a line: parts wait for the release.
  const dragged = await lab.table(ERRORS);
  expect(dragged.caption).toContain('preview');
  expect(dragged.rows.map((row) => row.slice(1, 4))).toEqual([['', '', ''], ['', '', '']]); // prettier-ignore
  const asked = await lab.numbers('Sparsity per layer', 'asked');
  expect(asked[1]).toBeGreaterThan(asked[0] as number);
  expect((asked[0] as number) + (asked[1] as number)).toBeCloseTo(1.4, 5);

  await page.mouse.up();
  await lab.settled();
  const after = await lab.table(ERRORS);
  expect(after.caption).toContain('; exact.');
  expect(after.rows).not.toEqual(before.rows);
  expect(after.rows.map((row) => row[5])).toEqual(before.rows.map((row) => row[4]));
  await expect(page).toHaveURL(/[?&]beta=0\.\d+/);
});

test('the allocation follows in the frame of the movement', async ({ lab, page }) => {
  await lab.openTwoBlock();
  await lab.beta.focus();
  const moved = await page.evaluate(async () => {
    const slider = document.querySelector<HTMLInputElement>('input[aria-label="Beta"]');
    const cell = () =>
      document.querySelector('figure[aria-label="Sparsity per layer"] tbody tr td:nth-child(2)')?.textContent;
    if (!slider) throw new Error('no slider');
    const before = cell();
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value')?.set?.call(
      slider,
      String(Number(slider.max) / 2),
    );
    slider.dispatchEvent(new Event('input', { bubbles: true }));
    await new Promise(requestAnimationFrame);
    return { before, after: cell() };
  });
  expect(moved.before).toBe('0.700000');
  expect(moved.after).toBe('0.550000');
});

test('the sliders are worked by keyboard', async ({ lab, page }) => {
  await lab.openTwoBlock();
  const limit = 0.6; // two layers at S = 0.7
  const value = async () => Number(await lab.beta.getAttribute('aria-valuenow'));
  await lab.beta.focus();
  await page.keyboard.press('ArrowRight');
  expect(await value()).toBeCloseTo(limit / 200, 9);
  await page.keyboard.press('PageUp');
  expect(await value()).toBeCloseTo((11 * limit) / 200, 9);
  await page.keyboard.press('PageDown');
  await page.keyboard.press('ArrowLeft');
  expect(await value()).toBe(0);
  await page.keyboard.press('End');
  expect(await value()).toBeCloseTo(limit, 9);
  expect(await lab.beta.getAttribute('aria-valuetext')).toMatch(/^0\.600, layers from 40.% to 100.%$/);
  await page.keyboard.press('Home');
  expect(await value()).toBe(0);
  expect(await lab.beta.getAttribute('aria-valuetext')).toMatch(/^0\.000, every layer 70.%$/);

  await page.getByRole('switch', { name: /Negative control/ }).check();
  expect(Number(await lab.beta.getAttribute('min'))).toBeCloseTo(-limit, 9);
  await lab.settled();

  await lab.sparsity.focus();
  await page.keyboard.press('End');
  expect(await lab.sparsity.getAttribute('aria-valuenow')).toBe('1');
  await expect(lab.beta).toBeDisabled();
});

test('an end of the line tilts it, and undo takes it back', async ({ lab, page }) => {
  await lab.openTwoBlock();
  const handle = lab.figure('Sparsity per layer').locator('.handle').last();
  const box = await handle.boundingBox();
  if (!box) throw new Error('no handle');
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width / 2, box.y - 8, { steps: 5 });
  await page.mouse.up();
  await lab.settled();
  expect(Number(await lab.beta.getAttribute('aria-valuenow'))).toBeGreaterThan(0.05);

  await page.keyboard.press('Control+z');
  await expect(lab.beta).toHaveAttribute('aria-valuenow', '0');
  await expect(page).toHaveURL(/[?&]beta=0(&|$)/);
  await lab.button('Redo').click();
  await expect(lab.beta).not.toHaveAttribute('aria-valuenow', '0');
  await lab.settled();
});
