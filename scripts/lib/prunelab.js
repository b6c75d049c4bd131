// @ts-check
// The command line as a child process, for scripts that measure with it.
import { spawn } from 'node:child_process';
import { inRoot, ROOT } from './paths.js';
import { say, SetupError } from './say.js';

/**
 * Runs `prunelab` with these arguments; its progress is shown, what it prints is not.
 * @param {string} what for the error: 'The comparison x'
 * @param {string[]} args
 */
export async function prunelab(what, args) {
  say(`prunelab ${args.join(' ')}`);
  /** @type {number} */
  const code = await new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [inRoot('bin/prunelab.js'), ...args], {
      cwd: ROOT,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    child.on('error', reject);
    child.on('close', (status) => resolve(status ?? 1));
  });
  if (code !== 0)
    throw new SetupError(
      `${what} ended with exit code ${code}.`,
      'What it said stands above; run again to go on.',
    );
}
