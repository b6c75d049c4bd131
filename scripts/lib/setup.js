// @ts-check
// What every command does first: the right Node, the packages, the builds. Says what it does on standard error, and
// costs a few dozen milliseconds when there is nothing to do. Needs nothing but Node itself.
import { ensureDependencies } from './dependencies.js';
import { SetupError } from './say.js';

/** @typedef {import('./builds.js').Target} Target */

const FLOOR = [20, 19];

/**
 * Throws SetupError when this Node is older than the lab's floor.
 * @param {string} [version]
 */
export function checkNode(version = process.versions.node) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [needMajor = 0, needMinor = 0] = FLOOR;
  if (major < needMajor || (major === needMajor && minor < needMinor)) {
    throw new SetupError(
      `Prunelab needs Node ${FLOOR.join('.')} or newer, and this is Node ${version}.`,
      'Install a newer Node.',
    );
  }
}

/**
 * Makes this checkout ready to run.
 * @param {...Target} targets
 */
export async function setUp(...targets) {
  checkNode();
  await ensureDependencies();
  const { ensureBuild } = await import('./builds.js');
  for (const target of targets) await ensureBuild(target);
}
