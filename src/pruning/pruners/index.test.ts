import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { LabError } from '../../core/errors';
import { COMMON_PARAMS, findPruner, PRUNERS } from './index';

test('every file of this folder is registered under its own name', () => {
  const files = readdirSync(new URL('.', import.meta.url)).filter(
    (f) => /^[a-z-]+\.ts$/.test(f) && f !== 'index.ts' && f !== 'define.ts',
  );
  expect(PRUNERS.map((p) => `${p.id}.ts`).sort()).toEqual(files.sort());
});

test('ids are unique and found; others are refused with the known ones', () => {
  expect(new Set(PRUNERS.map((p) => p.id)).size).toBe(PRUNERS.length);
  for (const p of PRUNERS) expect(findPruner(p.id)).toBe(p);
  let remedy: string | undefined;
  try {
    findPruner('nothing');
  } catch (error) {
    remedy = LabError.from(error).remedy;
  }
  for (const p of PRUNERS) expect(remedy).toContain(p.id);
});

test('parameters have defaults inside their ranges, and no two share a name', () => {
  for (const p of PRUNERS) {
    const all = [...p.params, ...COMMON_PARAMS];
    expect(new Set(all.map((x) => x.name)).size).toBe(all.length);
    for (const x of all) {
      if (x.type === 'choice') expect(x.choices).toContain(x.init);
      else expect(typeof x.init).toBe(x.type === 'text' ? 'string' : x.type);
    }
  }
});
