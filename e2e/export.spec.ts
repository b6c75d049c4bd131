/** Generation and export. What was downloaded is read here by a reader that shares no code with the lab. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { downloadExport, readZip, sha256 } from './fixtures/downloads';
import { expect, SMALL, test } from './fixtures/labPage';

interface Tensor {
  dtype: string;
  shape: number[];
  bytes: Buffer;
}

/** Safetensors from the bytes alone. */
function readTensors(file: Buffer): Map<string, Tensor> {
  const length = Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.subarray(8, 8 + length).toString('utf8')) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const tensors = new Map<string, Tensor>();
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const [begin, end] = entry.data_offsets;
    tensors.set(name, {
      dtype: entry.dtype,
      shape: entry.shape,
      bytes: file.subarray(8 + length + begin, 8 + length + end),
    });
  }
  return tensors;
}

function zerosOf({ dtype, bytes }: Tensor): number {
  const width = dtype === 'F32' ? 4 : 2;
  let zeros = 0;
  for (let at = 0; at < bytes.length; at += width) {
    const bits = width === 4 ? bytes.readUInt32LE(at) & 0x7fffffff : bytes.readUInt16LE(at) & 0x7fff;
    if (bits === 0) zeros++;
  }
  return zeros;
}

/** Non-zero f32 words that are not the ones that were there. */
function changedBytes(now: Buffer, before: Buffer | undefined): number {
  let changed = 0;
  for (let at = 0; at < now.length; at += 4) {
    const bits = now.readUInt32LE(at);
    if (bits !== 0 && bits !== before?.readUInt32LE(at)) changed++;
  }
  return changed;
}

test('Download writes a model whose zeros and hashes are as reported', async ({ lab, page }) => {
  await lab.openTwoBlock();
  await lab.beta.focus();
  for (let i = 0; i < 4; i++) await page.keyboard.press('PageUp');
  await lab.settled();

  await lab.button('Export').click();
  const dialog = page.getByRole('dialog', { name: 'Export the pruned model' });
  await expect(dialog).toContainText('not smaller and not faster');
  expect(await lab.accessibility()).toEqual([]);
  await dialog.getByRole('switch', { name: 'Recipe for llm-compressor' }).click();
  const { weights, rest } = await downloadExport(page);
  expect([...rest.keys()]).toEqual(
    expect.arrayContaining([
      'README.md',
      'calibration.json',
      'config.json',
      'oneshot.py',
      'pruning.json',
      'recipe.yaml',
      'tokenizer.json',
    ]),
  );

  const report = JSON.parse(rest.get('pruning.json')?.toString('utf8') ?? '{}') as {
    files: Record<string, string>;
    tensors: Record<string, string>;
    sparsity: { achieved: number; matrices: Record<string, { zeros: number; count: number }> };
  };
  expect(report.files['model.safetensors']).toBe(sha256(weights));
  for (const [name, bytes] of rest)
    if (name !== 'pruning.json') expect(report.files[name], name).toBe(sha256(bytes));

  const original = readTensors(
    readFileSync(
      fileURLToPath(new URL('../src/testing/fixtures/two-block/model.safetensors', import.meta.url)),
    ),
  );
  const exported = readTensors(weights);
  expect([...exported.keys()].sort()).toEqual([...original.keys()].sort());
  let zeros = 0;
  let count = 0;
  for (const [name, tensor] of exported) {
    const before = original.get(name);
    expect(tensor.shape).toEqual(before?.shape);
    expect(tensor.dtype).toBe(before?.dtype);
    expect(report.tensors[name]).toBe(sha256(tensor.bytes));
    const matrix = report.sparsity.matrices[name];
    if (!matrix) {
      expect(tensor.bytes.equals(before?.bytes ?? Buffer.alloc(0)), `${name} is untouched`).toBe(true);
      continue;
    }
    expect(zerosOf(tensor), name).toBe(matrix.zeros);
    expect(changedBytes(tensor.bytes, before?.bytes), `${name}: kept weights that changed`).toBe(0);
    zeros += matrix.zeros;
    count += matrix.count;
  }
  expect(zeros / count).toBeCloseTo(report.sparsity.achieved, 12);
  expect(zeros / count).toBeGreaterThan(0.66);
});

test('Generate writes both texts and says where they part', async ({ lab, page }) => {
  await lab.openTwoBlock();
  await page.getByRole('textbox', { name: 'Prompt' }).fill('the sea');
  await lab.button('Generate').click();
  const writes = page.getByRole('region', { name: 'What it writes' });
  await expect(writes.getByText(/tokens\/s/)).toHaveCount(2, { timeout: 60_000 });
  await expect(writes).toContainText(/first difference is at token \d+|wrote the same tokens/);
  await lab.state('ready');
});

test('a GGUF file is picked, pruned, and written as GGUF again', async ({ lab, page }) => {
  const gguf = fileURLToPath(new URL('../src/testing/fixtures/gguf/llama.gguf', import.meta.url));
  await lab.open('?samples=2&windows=2&window=24&sparsity=0.5');
  await lab.state('running', 'ready');
  await lab.loadFiles([gguf], 'From disk: files…');
  await expect(page.getByRole('banner')).toContainText('2 layers');
  await lab.settled();

  await lab.button('Export').click();
  const dialog = page.getByRole('dialog', { name: 'Export the pruned model' });
  await dialog.getByRole('radio', { name: /Q8_0/ }).click();
  expect(await lab.accessibility()).toEqual([]);
  const downloads: import('@playwright/test').Download[] = [];
  page.on('download', (download) => downloads.push(download));
  await dialog.getByRole('button', { name: 'Download' }).click();
  await expect(dialog.getByRole('status', { name: 'Export result' })).toContainText('Written and verified', {
    timeout: 90_000,
  });
  await expect.poll(() => downloads.length).toBe(2);
  const files = new Map<string, Buffer>();
  for (const download of downloads)
    files.set(download.suggestedFilename(), readFileSync(await download.path()));
  const written = [...files].find(([name]) => name.endsWith('-pruned.gguf'))?.[1] ?? Buffer.alloc(0);
  expect(written.subarray(0, 4).toString()).toBe('GGUF');
  expect(written.readUInt32LE(4)).toBe(3);
  const rest = readZip([...files].find(([name]) => name.endsWith('.zip'))?.[1] ?? Buffer.alloc(0));
  const report = JSON.parse(rest.get('pruning.json')?.toString('utf8') ?? '{}') as {
    sparsity: { achieved: number };
    exported: { format: string; type: string; perplexity: number };
    files: Record<string, string>;
  };
  expect(report.exported).toMatchObject({ format: 'gguf' });
  expect(report.exported.perplexity).toBeGreaterThan(1);
  expect(report.sparsity.achieved).toBeGreaterThan(0.45);
  expect(Object.values(report.files)).toContain(sha256(written));
});

test('sizes by format are there before the download, and the archive weighs what was said', async ({
  lab,
  page,
}) => {
  await lab.openTwoBlock(`${SMALL}&sparsity=0.7`);
  await page.setViewportSize({ width: 390, height: 844 });
  await lab.button('Export').click();
  const dialog = page.getByRole('dialog', { name: 'Export the pruned model' });
  const sizes = dialog.getByRole('region', { name: 'Sizes by format' });
  await expect(sizes).toBeVisible();
  const cells = await sizes
    .locator('tbody tr')
    .evaluateAll((rows) =>
      rows.map((row) => [...row.querySelectorAll('th, td')].map((cell) => cell.textContent ?? '')),
    );
  expect(cells.map(([name]) => name)).toEqual(['dense with zeros', 'bitmask', 'CSR']);
  expect(cells[0]?.slice(3)).toEqual(['×1.00', '×1.00']);
  expect(Number(cells[1]?.[3]?.slice(1))).toBeGreaterThan(2);
  const said = /^([\d.]+)\s(kB|MB)/.exec(cells[1]?.[1] ?? '');
  const saidBytes = Number(said?.[1]) * (said?.[2] === 'MB' ? 1e6 : 1e3);

  await expect(dialog.getByRole('radio', { name: 'Off' })).toBeChecked();
  await expect(dialog.getByRole('radio', { name: 'sparse-24-bitmask' })).toHaveCount(0);
  await expect(dialog).toContainText('no current vLLM or transformers path');
  await dialog.getByRole('radio', { name: 'sparse-bitmask' }).click();
  await expect(dialog).toContainText('smaller but not faster');
  expect(await lab.accessibility()).toEqual([]);
  expect(await lab.overflow()).toBeLessThanOrEqual(0);
  expect(await dialog.evaluate((element) => element.scrollWidth - element.clientWidth)).toBeLessThanOrEqual(
    0,
  );

  const downloads: import('@playwright/test').Download[] = [];
  page.on('download', (download) => downloads.push(download));
  await dialog.getByRole('button', { name: 'Download' }).click();
  await expect(dialog.getByRole('status', { name: 'Export result' })).toContainText('Written and verified', {
    timeout: 90_000,
  });
  await expect.poll(() => downloads.length).toBe(2);
  const files = new Map<string, Buffer>();
  for (const download of downloads)
    files.set(download.suggestedFilename(), readFileSync(await download.path()));
  const weights = [...files].find(([name]) => name.endsWith('-pruned.safetensors'))?.[1] ?? Buffer.alloc(0);
  const tensors = readTensors(weights);
  const data = [...tensors.values()].reduce((sum, { bytes }) => sum + bytes.length, 0);
  // Sizes are said with two figures or more; the header stands apart in both.
  expect(Math.abs(data / saidBytes - 1)).toBeLessThan(0.05);
  const packed = tensors.get('model.layers.0.mlp.up_proj.compressed');
  const mask = tensors.get('model.layers.0.mlp.up_proj.bitmask');
  const ones = [...(mask?.bytes ?? [])].reduce(
    (sum, byte) => sum + byte.toString(2).replaceAll('0', '').length,
    0,
  );
  expect(packed?.shape).toEqual([ones]);
  expect(tensors.has('model.layers.0.mlp.up_proj.weight')).toBe(false);
  const rest = readZip([...files].find(([name]) => name.endsWith('.zip'))?.[1] ?? Buffer.alloc(0));
  expect(JSON.parse(rest.get('config.json')?.toString('utf8') ?? '{}')).toMatchObject({
    quantization_config: { sparsity_config: { format: 'sparse-bitmask', targets: ['Linear'] } },
  });
});
