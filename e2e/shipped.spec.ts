/** No figure of the first load is shipped: with other weights every one of them is another. */
import { mergeTests } from '@playwright/test';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, SMALL, test as labTest, type LabPage } from './fixtures/labPage';
import { test as serverTest } from './fixtures/server';

const test = mergeTests(labTest, serverTest);

/** Every figure on the screen once the demo has run: cards, errors, sparsity achieved, the first points of the sweep. */
async function figures(lab: LabPage, url: string): Promise<Record<string, string[]>> {
  await lab.page.goto(`${url}?${SMALL}`);
  const points = async () => (await lab.table('Perplexity versus beta')).rows.length;
  await expect.poll(points, { timeout: 170_000 }).toBeGreaterThanOrEqual(3);
  const cards = await lab.page.getByRole('region', { name: 'Results' }).locator('b').allTextContents();
  const errors = await lab.table('Reconstruction error per layer');
  const curve = await lab.table('Perplexity versus beta');
  return {
    cards: cards.filter((text) => /\d/.test(text) && !text.includes('%')),
    errors: errors.rows.flatMap((row) => row.slice(1)).filter((text) => Number(text) !== 0),
    curve: curve.rows.slice(0, 3).map((row) => row[1] ?? ''),
  };
}

test('other weights, other figures', async ({ lab, serve, distCopy }) => {
  const path = join(distCopy, 'models/demo/model.safetensors');
  const before = await figures(lab, (await serve({ root: distCopy })).url);

  // A value in every hundredth place of each tensor, in 16 bits, gets another sign.
  const file = readFileSync(path);
  const data = 8 + Number(file.readBigUInt64LE(0));
  for (let at = data + 1; at < file.length; at += 200) file[at] = (file[at] ?? 0) ^ 0x80;
  writeFileSync(path, file);

  const after = await figures(lab, (await serve({ root: distCopy })).url);
  expect(Object.keys(before)).toEqual(Object.keys(after));
  for (const [name, values] of Object.entries(before)) {
    expect(values.length, name).toBeGreaterThan(0);
    expect(after[name]).toHaveLength(values.length);
    values.forEach((value, i) => expect(after[name]?.[i], `${name} ${i}`).not.toBe(value));
  }
});
