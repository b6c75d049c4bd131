// @ts-check
// Which GPU adapter Dawn in Node gets. On Linux, Dawn opens libvulkan.so.1 by name and the loader opens the driver that
// VK_ICD_FILENAMES names; both are read at process start, so whoever starts Node decides here. Elsewhere the system's
// own interface (Metal, D3D12) needs nothing.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { uptime } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { findBrowser, playwrightFolders } from './browser.js';
import { CACHE, inRoot } from './paths.js';

/**
 * `env` is what must be added to the environment of a Node process that uses Dawn.
 * @typedef {{ kind: 'real' | 'software' | 'none', description: string, env: Record<string, string> }} AdapterChoice
 */

const SWIFTSHADER = 'vk_swiftshader_icd.json';
const LOADER = 'libvulkan.so.1';
const BROWSER_FOLDERS = [
  '/usr/lib/chromium', '/usr/lib64/chromium-browser', '/usr/lib/chromium-browser', '/opt/google/chrome', '/opt/chromium.org/chromium',
  '/opt/microsoft/msedge', '/snap/chromium/current/usr/lib/chromium-browser',
]; // prettier-ignore
const DRIVER_FOLDERS = ['/usr/share/vulkan/icd.d', '/etc/vulkan/icd.d', '/usr/local/share/vulkan/icd.d'];
const PROBE_TIMEOUT_MS = 30_000;

/** @param {string} folder */
function list(folder) {
  try {
    return readdirSync(folder).map((name) => join(folder, name));
  } catch {
    return [];
  }
}

/** Folders with SwiftShader and a Vulkan loader, the one beside the browser in use first. */
function softwareFolders() {
  const browser = findBrowser();
  const beside = browser ? [dirname(realpathSync(browser.path))] : [];
  return [...beside, ...BROWSER_FOLDERS, ...playwrightFolders()].filter(
    (folder) => existsSync(join(folder, SWIFTSHADER)) && existsSync(join(folder, 'libvk_swiftshader.so')),
  );
}

/**
 * A folder with the loader and nothing else, so that no other library of the browser shadows the system's.
 * @param {string} folder the browser's
 */
function loaderFolder(folder) {
  const target = join(folder, LOADER);
  if (!existsSync(target)) return undefined;
  const own = join(CACHE, 'vulkan');
  const link = join(own, LOADER);
  try {
    mkdirSync(own, { recursive: true });
    if (!existsSync(link)) symlinkSync(target, link);
    return realpathSync(link) === realpathSync(target) ? own : folder;
  } catch {
    return folder; // read-only checkout, or two processes at once
  }
}

/** @param {string | undefined} loader @returns {Record<string, string>} */
function libraryPath(loader) {
  const present = process.env.LD_LIBRARY_PATH;
  return loader ? { LD_LIBRARY_PATH: present ? `${loader}${delimiter}${present}` : loader } : {};
}

/** @param {string} driver path of an ICD description */
const driverOnly = (driver) => ({ VK_ICD_FILENAMES: driver, VK_DRIVER_FILES: driver });

/** @returns {AdapterChoice | undefined} */
function swiftShader() {
  for (const folder of softwareFolders()) {
    const loader = loaderFolder(folder);
    if (!loader) continue;
    const env = { ...libraryPath(loader), ...driverOnly(join(folder, SWIFTSHADER)) };
    return { kind: 'software', description: `SwiftShader of ${folder}`, env };
  }
  return undefined;
}

/** Mesa's CPU driver, only where it is asked for by name. @returns {AdapterChoice | undefined} */
function lavapipe() {
  const driver = DRIVER_FOLDERS.flatMap(list).find((path) => /\/lvp_icd.*\.json$/.test(path));
  if (!driver) return undefined;
  const [folder] = softwareFolders();
  const env = { ...libraryPath(folder && loaderFolder(folder)), ...driverOnly(driver) };
  return { kind: 'software', description: 'lavapipe', env };
}

/**
 * Opens an adapter in a short process of its own, where a broken driver can do no harm.
 * @param {Record<string, string>} env
 */
function probe(env) {
  const run = spawnSync(process.execPath, [inRoot('scripts/lib/probeAdapter.js')], {
    env: { ...process.env, ...env },
    encoding: 'utf8',
    timeout: PROBE_TIMEOUT_MS,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  if (run.status !== 0) return undefined;
  /** @type {{ software: boolean, description: string }} */
  const found = JSON.parse(run.stdout);
  return found;
}

/** GPU device nodes; without one, Linux has no hardware adapter and nothing needs probing. */
function deviceNodes() {
  return [
    ...list('/dev/dri'),
    ...list('/dev').filter((path) => /^\/dev\/(nvidia\d+|dxg|mali\d+|kgsl)/.test(path)),
  ];
}

/** Environments to look for hardware in: as it is, then with the browser's loader in place of the system's. */
function hardwareEnvironments() {
  const [folder] = process.platform === 'linux' ? softwareFolders() : [];
  const loader = folder && loaderFolder(folder);
  return loader ? [{}, libraryPath(loader)] : [{}];
}

/**
 * What the probe found, as it is kept in .cache: `environment` is an index of hardwareEnvironments().
 * @typedef {{ kind: 'real' | 'software', description: string, environment: number }} Finding
 */

/** @returns {Finding | null} */
function look() {
  // A driver chosen by the user is the user's business, software or not.
  const chosen = Boolean(process.env.VK_ICD_FILENAMES || process.env.VK_DRIVER_FILES);
  if (process.platform === 'linux' && !chosen && deviceNodes().length === 0) return null;
  for (const [environment, env] of hardwareEnvironments().entries()) {
    const found = probe(env);
    if (found && (chosen || !found.software)) {
      return { kind: found.software ? 'software' : 'real', description: found.description, environment };
    }
  }
  return null;
}

/** Everything that can change what the probe finds: a restart, a driver, a device, Dawn itself. */
function fingerprint() {
  let boot;
  try {
    boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    boot = String(Math.round((Date.now() / 1000 - uptime()) / 600));
  }
  const stamp = (/** @type {string} */ path) => {
    try {
      return `${path}@${statSync(path).mtimeMs}`;
    } catch {
      return path;
    }
  };
  const files = [...DRIVER_FOLDERS.flatMap(list), inRoot('node_modules/webgpu/package.json')].map(stamp);
  const environment = ['VK_ICD_FILENAMES', 'VK_DRIVER_FILES', 'LD_LIBRARY_PATH'].map(
    (name) => process.env[name] ?? '',
  );
  return JSON.stringify([
    boot,
    process.execPath,
    findBrowser()?.path ?? '',
    deviceNodes(),
    files,
    environment,
  ]);
}

/** @returns {AdapterChoice} */
function softwareOrNone() {
  if (process.platform === 'linux') {
    return (
      swiftShader() ?? lavapipe() ?? { kind: 'none', description: 'no GPU and no software adapter', env: {} }
    );
  }
  return { kind: 'software', description: "the system's software adapter", env: {} };
}

/**
 * The adapter for this machine; a hardware one where there is one, unless `wanted` (or PRUNELAB_ADAPTER) is
 * 'software' or names a software driver. The answer of the probe is kept in .cache until something changes.
 * @param {string} [wanted]
 * @returns {AdapterChoice}
 */
export function chooseAdapter(wanted = process.env.PRUNELAB_ADAPTER) {
  if (wanted === 'software' || /swiftshader/i.test(wanted ?? '')) return softwareOrNone();
  if (/lavapipe|llvmpipe/i.test(wanted ?? '')) return lavapipe() ?? softwareOrNone();
  const file = join(
    CACHE,
    `probe-${createHash('sha256').update(fingerprint()).digest('hex').slice(0, 16)}.json`,
  );
  /** @type {Finding | null} */
  let finding;
  try {
    finding = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    finding = look();
    try {
      mkdirSync(CACHE, { recursive: true });
      writeFileSync(file, JSON.stringify(finding));
    } catch {
      // A read-only checkout probes each time.
    }
  }
  if (!finding) return softwareOrNone();
  const { kind, description, environment } = finding;
  return { kind, description, env: hardwareEnvironments()[environment] ?? {} };
}
