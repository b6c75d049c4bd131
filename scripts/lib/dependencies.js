// @ts-check
// Installs what package-lock.json asks for, when it is not there yet.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { withLock } from './lock.js';
import { inRoot } from './paths.js';
import { runTool, say, SetupError } from './say.js';

const LOCK_FILE = inRoot('package-lock.json');
const STAMP = inRoot('node_modules/.prunelab-stamp');

/** @param {string} file */
function readText(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

const wanted = () => createHash('sha256').update(readFileSync(LOCK_FILE)).digest('hex');

/** @typedef {{ version?: string, optional?: boolean, link?: boolean }} LockedPackage */

/** @param {string} file @returns {Record<string, LockedPackage>} */
function lockedPackages(file) {
  const packages = JSON.parse(readText(file) || '{}').packages ?? {};
  delete packages['']; // the repository itself
  return packages;
}

/** True when npm's own record of node_modules holds every locked package, for example after `npm install x`. */
function alreadyInstalled() {
  const installed = lockedPackages(inRoot('node_modules/.package-lock.json'));
  const locked = Object.entries(lockedPackages(LOCK_FILE));
  return (
    Object.keys(installed).length > 0 &&
    locked.every(([path, { version, optional }]) => {
      const there = installed[path];
      return there ? there.version === version : optional === true;
    })
  );
}

/** npm, as this process was started by it, or as the PATH has it. */
function npm() {
  const cli = process.env.npm_execpath;
  if (cli && /npm-cli\.js$/.test(cli) && existsSync(cli))
    return { command: process.execPath, args: [cli], shell: false };
  return { command: 'npm', args: [], shell: process.platform === 'win32' };
}

async function install() {
  const packages = Object.entries(lockedPackages(LOCK_FILE)).filter(([, locked]) => !locked.optional);
  const { dependencies = {}, devDependencies = {} } = JSON.parse(
    readFileSync(inRoot('package.json'), 'utf8'),
  );
  const named = Object.keys({ ...dependencies, ...devDependencies });
  say(`Installing ${packages.length} npm packages into node_modules (npm ci):`);
  say(`  ${named.join(' ')} and what they need.`);
  const { command, args, shell } = npm();
  let result;
  try {
    // Development packages hold the build tools; NODE_ENV=production must not leave them out.
    result = await runTool(command, [...args, 'ci', '--include=dev', '--no-audit', '--no-fund'], { shell });
  } catch {
    throw new SetupError('npm could not be started.', 'Install npm, which comes with Node.');
  }
  if (result.code !== 0) {
    throw new SetupError(
      `npm ci failed with exit code ${result.code}.`,
      'Check the network and what npm printed above, then run this again.',
    );
  }
}

/** Resolves when node_modules holds what package-lock.json asks for. */
export async function ensureDependencies() {
  const upToDate = () => readText(STAMP) === wanted();
  if (upToDate()) return;
  await withLock('install', async () => {
    if (upToDate()) return; // another process did it meanwhile
    if (!alreadyInstalled()) await install();
    writeFileSync(STAMP, wanted());
  });
}
