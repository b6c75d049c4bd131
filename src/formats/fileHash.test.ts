import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hashAtOnce, hashHere, openFileHash, useHashWorker, type FileHash } from './fileHash';
import { nodeHashWorker } from './fileHash.node';

const BYTES = Uint8Array.from({ length: 1000 }, (_, i) => (i * 37) % 251);
const RANGES: [number, number][] = [[3, 3], [3, 10], [10, 500], [700, 1000]]; // prettier-ignore
const sha256 = (begin = 0, end = BYTES.length): string =>
  createHash('sha256').update(BYTES.subarray(begin, end)).digest('hex');
const expected = { file: sha256(), ranges: RANGES.map(([begin, end]) => sha256(begin, end)) };

let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hash-'));
  await build({
    configFile: false,
    logLevel: 'error',
    publicDir: false,
    ssr: { noExternal: true, target: 'node' },
    build: {
      ssr: true,
      target: 'node20',
      outDir: folder,
      rollupOptions: {
        input: { hashWorker: 'src/formats/hashWorker.node.ts' },
        output: { format: 'es', entryFileNames: '[name].mjs' },
      },
    },
  });
  useHashWorker(nodeHashWorker(join(folder, 'hashWorker.mjs')));
}, 60_000);

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Ranges are named at the beginning, or when their first byte is the next. */
async function digests(hash: FileHash, step: number, early: boolean): Promise<unknown> {
  const ranges = [...RANGES];
  const name = (before: number): void => {
    for (let next = ranges[0]; next && next[0] < before; next = ranges[0]) {
      hash.range(next[0], next[1]);
      ranges.shift();
    }
  };
  if (early) name(Infinity);
  for (let at = 0; at < BYTES.length; at += step) {
    name(at + step);
    await hash.give(BYTES.slice(at, at + step));
  }
  return hash.finish();
}

describe.each([
  ['at once', () => Promise.resolve(hashAtOnce())],
  ['in this thread', hashHere],
  ['in a worker', () => openFileHash(1 << 30)],
] as const)('a file hashed %s', (_, open) => {
  test.each([1, 7, 100, 1000])('pieces of %d bytes: the file and its ranges', async (step) => {
    for (const early of [true, false]) expect(await digests(await open(), step, early)).toEqual(expected);
  });

  test('an empty file', async () => {
    const hash = await open();
    hash.range(0, 0);
    expect(await hash.finish()).toEqual({ file: sha256(0, 0), ranges: [sha256(0, 0)] });
  });

  test('two files at a time', async () => {
    const [a, b] = [await open(), await open()];
    await a.give(BYTES.slice(0, 500));
    await b.give(BYTES.slice(0, 400));
    await a.give(BYTES.slice(500));
    expect((await b.finish()).file).toBe(sha256(0, 400));
    expect((await a.finish()).file).toBe(sha256());
  });
});

describe('the worker', () => {
  test('takes the memory of what it is given', async () => {
    const hash = await openFileHash(1 << 30);
    const bytes = BYTES.slice();
    await hash.give(bytes);
    expect(bytes.byteLength).toBe(0);
    expect((await hash.finish()).file).toBe(sha256());
  });

  test('more than may be under way', async () => {
    const hash = await openFileHash(1 << 30);
    const whole = createHash('sha256');
    for (let i = 0; i < 12; i++) {
      const piece = new Uint8Array(8 << 20).fill(i);
      whole.update(piece);
      await hash.give(piece);
    }
    expect((await hash.finish()).file).toBe(whole.digest('hex'));
  });

  test('a range that cannot be is a failure of its file alone', async () => {
    const [bad, good] = [await openFileHash(1 << 30), await openFileHash(1 << 30)];
    await bad.give(BYTES.slice());
    bad.range(0, 10);
    await expect(bad.finish()).rejects.toMatchObject({ kind: 'InternalError' });
    await good.give(BYTES.slice());
    expect((await good.finish()).file).toBe(sha256());
  });

  test('one that does not start is a failure, and the next file tries again', async () => {
    useHashWorker(nodeHashWorker(join(folder, 'missing.mjs')));
    for (let i = 0; i < 2; i++) {
      const hash = await openFileHash(1 << 30);
      await hash.give(BYTES.slice());
      await expect(hash.finish()).rejects.toMatchObject({ kind: 'InternalError' });
    }
  });
});
