/** Set-up: the lock file is complete, locks exclude, changed sources are noticed. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { withLock } from './lock.js';
import { CACHE, inRoot } from './paths.js';
import { checkNode } from './setup.js';
import { compareSources } from './sources.js';
import { parseRange } from './staticServer.js';

interface Locked {
  version?: string;
  resolved?: string;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

describe('the Node that runs this', () => {
  it.each(['18.20.4', '20.18.3', '20.9.0'])('%s is refused with the floor', (version) => {
    expect(() => {
      checkNode(version);
    }).toThrow(/needs Node 20\.19 or newer/);
  });

  it.each(['20.19.0', '20.20.2', '22.12.0', '24.1.0'])('%s will do', (version) => {
    expect(() => {
      checkNode(version);
    }).not.toThrow();
  });
});

describe('package-lock.json', () => {
  const lock = JSON.parse(readFileSync(inRoot('package-lock.json'), 'utf8')) as {
    packages: Record<string, Locked>;
  };

  /** Looks where Node would: in the package's own node_modules, then in each one above. */
  function isLocked(from: string, name: string): boolean {
    for (let folder = from; ;) {
      if (lock.packages[folder ? `${folder}/node_modules/${name}` : `node_modules/${name}`]) return true;
      if (!folder) return false;
      folder = folder.slice(0, Math.max(0, folder.lastIndexOf('node_modules/') - 1));
    }
  }

  it('holds every package for every platform, or npm ci refuses it', () => {
    const missing = Object.entries(lock.packages).flatMap(([path, { dependencies, optionalDependencies }]) =>
      Object.keys({ ...dependencies, ...optionalDependencies })
        .filter((name) => !isLocked(path, name))
        .map((name) => `${path} needs ${name}`),
    );
    expect(missing).toEqual([]);
  });

  it('names no registry', () => {
    expect(Object.keys(lock.packages).filter((path) => lock.packages[path]?.resolved)).toEqual([]);
  });
});

describe('a lock between processes', () => {
  const name = `test-${process.pid}`;
  const folder = join(CACHE, `${name}.lock`);
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('lets one work at a time, and is free afterwards', async () => {
    let inside = 0;
    let most = 0;
    const work = async () => {
      most = Math.max(most, ++inside);
      await sleep(5);
      inside--;
    };
    await Promise.all([withLock(name, work), withLock(name, work)]);
    expect(most).toBe(1);
    expect(existsSync(folder)).toBe(false);
  });

  it('is free after a failure', async () => {
    await expect(withLock(name, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await withLock(name, () => Promise.resolve(7))).toBe(7);
  });

  it('is taken over from an owner that is gone', async () => {
    mkdirSync(folder, { recursive: true });
    const old = new Date(Date.now() - 3_600_000);
    utimesSync(folder, old, old);
    expect(await withLock(name, () => Promise.resolve('mine'))).toBe('mine');
  });
});

describe('changed sources', () => {
  it('are noticed by content, and new times alone are not a change', () => {
    mkdirSync(CACHE, { recursive: true });
    const folder = mkdtempSync(join(CACHE, 'sources-'));
    const paths = [relative(inRoot(), folder)];
    const file = join(folder, 'a.ts');
    writeFileSync(file, 'one');
    const first = compareSources(paths, undefined);
    expect(first.changed).toBe(true);
    expect(compareSources(paths, first.stamp).changed).toBe(false);
    utimesSync(file, new Date(0), new Date(0));
    const touched = compareSources(paths, first.stamp);
    expect(touched.changed).toBe(false);
    expect(touched.stamp.quick).not.toBe(first.stamp.quick);
    writeFileSync(file, 'two');
    expect(compareSources(paths, touched.stamp).changed).toBe(true);
    writeFileSync(join(folder, 'b.test.ts'), 'a test is no source');
    writeFileSync(file, 'one');
    expect(compareSources(paths, touched.stamp).changed).toBe(false);
    rmSync(folder, { recursive: true });
  });
});

describe('ranges of the static server', () => {
  it.each([
    [undefined, undefined],
    ['bytes=0-3', { begin: 0, end: 4 }],
    ['bytes=4-', { begin: 4, end: 10 }],
    ['bytes=-3', { begin: 7, end: 10 }],
    ['bytes=-30', { begin: 0, end: 10 }],
    ['bytes=8-99', { begin: 8, end: 10 }],
    ['bytes=10-', null],
    ['bytes=5-4', null],
    ['bytes=-', undefined],
    ['bytes=0-1,3-4', undefined],
    ['lines=0-1', undefined],
  ])('%s of 10 bytes', (header, expected) => {
    expect(parseRange(header, 10)).toEqual(expected);
  });
});
