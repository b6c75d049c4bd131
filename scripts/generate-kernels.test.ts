import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { OPS } from '../src/ops';
import { generateKernels } from './generate-kernels.js';

const FOLDER = join(import.meta.dirname, '..', 'shaders');
const read = (name: string): string => readFileSync(join(FOLDER, name), 'utf8');

test('the committed tile families are what the generator writes', () => {
  const made = generateKernels();
  expect(Object.keys(made).length).toBeGreaterThan(0);
  for (const [name, text] of Object.entries(made))
    expect(read(name), `${name}: run node scripts/generate-kernels.js`).toBe(text);
});

test('every file that says it is generated has a generator', () => {
  const marked = readdirSync(FOLDER).filter(
    (name) => name.endsWith('.wgsl') && read(name).includes('generate-kernels.js'),
  );
  expect(marked.sort()).toEqual(Object.keys(generateKernels()).sort());
});

test('every kernel file belongs to a registered kernel', () => {
  // Kernels are their files' texts, with the enable lines moved to the top.
  const texts = OPS.flatMap((op) => op.kernels.map((kernel) => kernel.code));
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.wgsl'));
  const body = (name: string): string => read(name).replace(/^\s*enable\s+\w+\s*;\s*$/gm, '');
  expect(files.filter((name) => !texts.some((text) => text.includes(body(name).trim())))).toEqual([]);
});
