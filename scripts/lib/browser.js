// @ts-check
// Finds a Chromium-family browser, or gets one. Order: PRUNELAB_CHROME; an installed Chrome, Chromium or Edge;
// Playwright's own download; on Debian and Ubuntu as root, the distribution's package.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { inRoot } from './paths.js';
import { runTool, say, SetupError } from './say.js';

/** @typedef {{ path: string, from: 'PRUNELAB_CHROME' | 'installed' | 'playwright' }} Browser */

const ON_PATH = [
  'google-chrome', 'google-chrome-stable', 'chrome', 'chromium', 'chromium-browser', 'microsoft-edge', 'microsoft-edge-stable', 'msedge',
]; // prettier-ignore

const MAC_APPS = ['Google Chrome', 'Chromium', 'Microsoft Edge'];
const WINDOWS_PROGRAMS = [
  'Google/Chrome/Application/chrome.exe',
  'Chromium/Application/chrome.exe',
  'Microsoft/Edge/Application/msedge.exe',
];
const LINUX_FILES = [
  '/opt/google/chrome/chrome', '/usr/lib/chromium/chromium', '/usr/lib/chromium-browser/chromium-browser',
  '/usr/lib64/chromium-browser/chromium-browser', '/snap/bin/chromium', '/opt/microsoft/msedge/msedge',
]; // prettier-ignore

/** @param {string} path */
function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Where an installed browser usually is on this system, best first. */
function usualPlaces() {
  if (process.platform === 'darwin') {
    return MAC_APPS.flatMap((app) =>
      ['/', homedir()].map((base) => join(base, 'Applications', `${app}.app/Contents/MacOS`, app)),
    );
  }
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  if (process.platform === 'win32') {
    const bases = [process.env.PROGRAMFILES, process.env['PROGRAMFILES(X86)'], process.env.LOCALAPPDATA];
    return WINDOWS_PROGRAMS.flatMap((program) =>
      bases.flatMap((base) => (base ? [join(base, program)] : [])),
    );
  }
  return ON_PATH.flatMap((name) => folders.map((folder) => join(folder, name))).concat(LINUX_FILES);
}

/** Folders of full browsers that Playwright downloaded, newest first. */
export function playwrightFolders() {
  const cache =
    process.env.PLAYWRIGHT_BROWSERS_PATH ??
    {
      darwin: join(homedir(), 'Library/Caches/ms-playwright'),
      win32: join(process.env.LOCALAPPDATA ?? homedir(), 'ms-playwright'),
    }[process.platform + ''] ??
    join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'ms-playwright');
  const revision = (/** @type {string} */ name) => Number(name.split('-')[1]);
  try {
    return readdirSync(cache)
      .filter((name) => /^chromium-\d+$/.test(name))
      .sort((a, b) => revision(b) - revision(a))
      .flatMap((name) => readdirSync(join(cache, name)).map((inner) => join(cache, name, inner)))
      .filter((folder) => statSync(folder).isDirectory());
  } catch {
    return [];
  }
}

function playwrightPrograms() {
  const inside = [
    'chrome',
    'chrome.exe',
    'Chromium.app/Contents/MacOS/Chromium',
    'Google Chrome for Testing.app/Contents/MacOS/Google Chrome for Testing',
  ];
  return playwrightFolders().flatMap((folder) => inside.map((program) => join(folder, program)));
}

/** @param {string} path */
function starts(path) {
  // chrome.exe opens a window instead of printing a version.
  if (process.platform === 'win32') return true;
  const run = spawnSync(path, ['--version'], { timeout: 30_000, encoding: 'utf8' });
  return run.status === 0 && /\d+\.\d+/.test(run.stdout);
}

/**
 * The browser to test with, or undefined. Only looks whether the file is there, unless `check`: then it must also
 * start (a package may be a stub, a download may miss system libraries).
 * @param {{ check?: boolean }} [options]
 * @returns {Browser | undefined}
 */
export function findBrowser({ check = false } = {}) {
  const named = process.env.PRUNELAB_CHROME;
  if (named) {
    if (isProgram(named) && (!check || starts(named))) return { path: named, from: 'PRUNELAB_CHROME' };
    throw new SetupError(
      `PRUNELAB_CHROME is "${named}", which is not a browser that starts.`,
      'Set it to the executable of Chrome, Chromium or Edge, or unset it.',
    );
  }
  const found = (/** @type {string[]} */ paths) =>
    paths.find((path) => isProgram(path) && (!check || starts(path)));
  const installed = found(usualPlaces());
  if (installed) return { path: installed, from: 'installed' };
  const downloaded = found(playwrightPrograms());
  return downloaded ? { path: downloaded, from: 'playwright' } : undefined;
}

function isDebianRoot() {
  if (process.platform !== 'linux' || process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get'))
    return false;
  return /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(readFileSync('/etc/os-release', 'utf8'));
}

/**
 * A browser that starts; installs one where there is none. Rejects with the ways out when that fails too.
 * @returns {Promise<Browser>}
 */
export async function ensureBrowser() {
  const there = findBrowser({ check: true });
  if (there) return there;

  say(
    'No Chrome, Chromium or Edge found. Installing Chromium with Playwright (npx playwright install chromium)…',
  );
  const download = await runTool(process.execPath, [
    inRoot('node_modules/playwright/cli.js'),
    'install',
    '--no-shell',
    'chromium',
  ]);
  const downloaded = download.code === 0 ? findBrowser({ check: true }) : undefined;
  if (downloaded) return downloaded;

  if (isDebianRoot()) {
    say('That browser does not work here. Installing the package chromium (apt-get install chromium)…');
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    await runTool('apt-get', ['update'], { env });
    await runTool('apt-get', ['install', '-y', 'chromium'], { env });
    const packaged = findBrowser({ check: true });
    if (packaged) return packaged;
  }
  throw new SetupError(
    'No browser to test with: none is installed, and none could be downloaded.',
    'Install Chrome, Chromium or Edge, or set PRUNELAB_CHROME to its executable.',
  );
}
