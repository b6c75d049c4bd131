import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LabError } from '../core/errors';
import { checkFileTarget, checkOut, makeFolder, replaceFolder, writeWhole } from './io';

let base = '';
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'prunelab-io-'));
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

async function failure(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    const e = LabError.from(error);
    return `${e.exitCode} ${e.kind}: ${e.message}`;
  }
  return 'no error';
}

describe('makeFolder', () => {
  test('makes what is missing, and is content with what is there', async () => {
    await makeFolder(join(base, 'a', 'b'));
    await makeFolder(join(base, 'a', 'b'));
    expect(statSync(join(base, 'a', 'b')).isDirectory()).toBe(true);
  });

  test('a file in the way is said', async () => {
    writeFileSync(join(base, 'file'), '');
    expect(await failure(makeFolder(join(base, 'file', 'x', 'y')))).toMatch(/^2 FetchError: .*ENOTDIR/);
  });

  test.skipIf(!existsSync('/proc/self'))('ends where nothing can be made', async () => {
    expect(await failure(makeFolder('/proc/prunelab/x'))).toMatch(/^2 FetchError: .*\/proc/);
    expect(await failure(writeWhole('/proc/prunelab/x.json', ''))).toMatch(/^2 FetchError: \/proc\/prunelab/);
  });
});

test('a file to be written at the end is checked before', async () => {
  writeFileSync(join(base, 'file'), '');
  expect(await failure(checkFileTarget('--json', base))).toMatch(/^2 SpecError: .*is a folder/);
  expect(await failure(checkFileTarget('--json', ''))).toMatch(/^2 SpecError/);
  expect(await failure(checkFileTarget('--json', join(base, 'file', 'r.json')))).toMatch(
    /^2 FetchError: .*ENOTDIR/,
  );
  expect(await failure(checkFileTarget('--json', join(base, 'new', 'r.json')))).toBe('no error');
  expect(await failure(checkFileTarget('--json', join(base, 'file')))).toBe('no error');
  expect(readdirSync(base)).toEqual(['file']);
});

describe('--out with --force', () => {
  test.each(['.', 'model', 'link'])('never removes what the run reads (%s)', async (out) => {
    mkdirSync(join(base, 'model'));
    writeFileSync(join(base, 'model', 'config.json'), '');
    symlinkSync('model', join(base, 'link'));
    expect(await failure(checkOut(join(base, out), true, [join(base, 'model')]))).toMatch(
      /^2 SpecError: .*would remove/,
    );
  });

  test('nor the working folder; a sibling is replaced', async () => {
    expect(await failure(checkOut('.', true))).toMatch(/would remove/);
    mkdirSync(join(base, 'model2'));
    writeFileSync(join(base, 'model2', 'x'), '');
    expect(await failure(checkOut(join(base, 'model2'), true, [join(base, 'model')]))).toBe('no error');
    expect(await failure(checkOut(join(base, 'model2'), false))).toMatch(/not empty/);
  });
});

describe('replaceFolder', () => {
  const fill = (name: string) => (working: string) => {
    writeFileSync(join(working, name), name);
    return Promise.resolve(name);
  };

  test('takes the place of nothing, of an empty folder, and of a full one only with force', async () => {
    const out = join(base, 'out');
    expect(await replaceFolder(out, false, fill('one'))).toBe('one');
    expect(await failure(replaceFolder(out, false, fill('two')))).toMatch(/^2 SpecError: .*not empty/);
    expect(readdirSync(out)).toEqual(['one']);
    await replaceFolder(out, true, fill('three'));
    expect(readdirSync(out)).toEqual(['three']);
    rmSync(join(out, 'three'));
    await replaceFolder(out, false, fill('four'));
    expect(readFileSync(join(out, 'four'), 'utf8')).toBe('four');
    expect(readdirSync(base)).toEqual(['out']);
  });

  test('leaves what was there when filling fails', async () => {
    const out = join(base, 'out');
    await replaceFolder(out, false, fill('one'));
    await expect(replaceFolder(out, true, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(readdirSync(out)).toEqual(['one']);
    expect(readdirSync(base)).toEqual(['out']);
  });
});
