// @ts-check
// The two products: dist/ (the page, for static hosting) and build/ (the command line). Each is built aside and then
// moved into place file by file, so that a process that still runs the old one is not disturbed.
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { makeText } from '../make-text.js';
import { withLock } from './lock.js';
import { CACHE, inRoot } from './paths.js';
import { runTool, say, SetupError } from './say.js';
import { compareSources } from './sources.js';

/**
 * @typedef {'page' | 'cli'} Target
 * @typedef {{ what: string, folder: string, entries: string[], sources: string[], args: string[], keepMs: number }} Product
 */

// eslint-disable-next-line no-control-regex
const RE_COLOUR = /\u001b\[[0-9;]*m/g;

const TOOLS = ['vite.config.ts', 'package-lock.json', 'scripts/lib', 'scripts/make-text.js', 'scripts/vite'];

/** @type {Record<Target, Product>} */
const PRODUCTS = {
  page: {
    what: 'the page',
    folder: inRoot('dist'),
    // Moved last: they name the other files.
    entries: ['index.html', 'sw.js'],
    sources: ['src', 'shaders', 'public', 'index.html', ...TOOLS],
    args: ['build'],
    keepMs: 0,
  },
  cli: {
    what: 'the command line',
    folder: inRoot('build'),
    entries: ['cli.js'],
    sources: ['src', 'shaders', ...TOOLS],
    args: ['build', '--mode', 'cli'],
    // A running command may still load a chunk of the build that it started from.
    keepMs: 3_600_000,
  },
};

/** @param {string} folder @returns {string[]} paths relative to it */
function filesOf(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}

/**
 * Moves `from` over `to`: new files first, entries last, then removes what the new build does not have.
 * @param {string} from
 * @param {Product} product
 */
function publish(from, { folder: to, entries, keepMs }) {
  const files = filesOf(from);
  const isEntry = (/** @type {string} */ file) => entries.includes(file);
  for (const file of [...files.filter((f) => !isEntry(f)), ...files.filter(isEntry)]) {
    mkdirSync(dirname(join(to, file)), { recursive: true });
    renameSync(join(from, file), join(to, file));
  }
  const fresh = new Set(files);
  for (const file of filesOf(to)) {
    const path = join(to, file);
    if (!fresh.has(file) && Date.now() - statSync(path).mtimeMs >= keepMs) rmSync(path);
  }
  rmSync(from, { recursive: true, force: true });
}

/** @param {Target} target */
function state(target) {
  const { sources, folder, entries } = PRODUCTS[target];
  const file = join(CACHE, `build-${target}.json`);
  let known;
  try {
    known = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    // Never built.
  }
  const { stamp, changed } = compareSources(sources, known);
  const missing = entries.some((entry) => !existsSync(join(folder, entry)));
  const save = () => writeFileSync(file, JSON.stringify(stamp));
  // Same content with new times: remember the times, so that the next look is quick again.
  if (!changed && !missing && stamp !== known) save();
  return { stale: changed || missing, save };
}

/** @param {Target} target */
async function build(target) {
  const product = PRODUCTS[target];
  say(`Building ${product.what}…`);
  makeText();
  const aside = join(CACHE, `building-${target}`);
  rmSync(aside, { recursive: true, force: true });
  const vite = inRoot('node_modules/vite/bin/vite.js');
  const args = [vite, ...product.args, '--outDir', aside, '--emptyOutDir', '--logLevel', 'warn'];
  // Its output ends up in one line of text when the command line reports it.
  const env = { ...process.env, NODE_ENV: 'production', NO_COLOR: '1', FORCE_COLOR: '0' };
  const { code, output } = await runTool(process.execPath, args, { env, quiet: true });
  if (code !== 0) {
    rmSync(aside, { recursive: true, force: true });
    throw new SetupError(`Building ${product.what} failed:\n${output.replace(RE_COLOUR, '').trim()}`);
  }
  publish(aside, product);
}

/**
 * Builds `target` if a source of it has changed since, or always with `force`. Resolves to whether it built.
 * @param {Target} target
 * @param {{ force?: boolean }} [options]
 * @returns {Promise<boolean>}
 */
export async function ensureBuild(target, { force = false } = {}) {
  makeText();
  if (!force && !state(target).stale) return false;
  return await withLock(`build-${target}`, async () => {
    // Looked at before building: a file saved meanwhile must count as a change afterwards.
    const { stale, save } = state(target);
    if (!stale && !force) return false;
    await build(target);
    save();
    return true;
  });
}
