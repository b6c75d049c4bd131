// @ts-check
// Have the sources of a build changed? First by size and time of every file (a few milliseconds), then by content, so
// that a fresh checkout of the same files does not build again.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { inRoot } from './paths.js';

/** public/texts is made by a script, which is among the sources itself. */
const IGNORED = [inRoot('public/texts'), inRoot('src/testing')];
const RE_TEST = /\.test\.tsx?$/;

/**
 * @param {string} path
 * @returns {{ path: string, size: number, mtimeMs: number }[]}
 */
function walk(path) {
  if (IGNORED.includes(path) || RE_TEST.test(path)) return [];
  let stat;
  try {
    stat = statSync(path);
  } catch {
    return []; // not there, or gone since it was listed
  }
  if (!stat.isDirectory()) return [{ path, size: stat.size, mtimeMs: stat.mtimeMs }];
  return readdirSync(path)
    .sort()
    .flatMap((name) => walk(join(path, name)));
}

/**
 * @typedef {{ quick: string, content: string }} SourceStamp
 * @param {string[]} paths relative to the repository
 * @param {SourceStamp | undefined} known stamp of the last build
 * @returns {{ stamp: SourceStamp, changed: boolean }}
 */
export function compareSources(paths, known) {
  const files = paths.flatMap((path) => walk(inRoot(path)));
  const list = JSON.stringify(files.map(({ path, size, mtimeMs }) => [path, size, mtimeMs]));
  const quick = createHash('sha256').update(list).digest('hex');
  if (known?.quick === quick) return { stamp: known, changed: false };
  const hash = createHash('sha256');
  for (const { path } of files) {
    const bytes = readFileSync(path);
    hash.update(`${path.slice(inRoot().length)}\n${bytes.byteLength}\n`).update(bytes);
  }
  const content = hash.digest('hex');
  return { stamp: { quick, content }, changed: known?.content !== content };
}
