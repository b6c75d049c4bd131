// @ts-check
// What the scripts tell the user. Always on standard error: standard output belongs to results.
import { spawn } from 'node:child_process';
import { ROOT } from './paths.js';

/** @param {string} text */
export function say(text) {
  process.stderr.write(`${text}\n`);
}

/** A failure with its remedy, shown without a stack. */
export class SetupError extends Error {
  /**
   * @param {string} message
   * @param {string} [remedy]
   */
  constructor(message, remedy) {
    super(remedy ? `${message} ${remedy}` : message);
    this.name = 'SetupError';
  }
}

/**
 * Runs a program in the repository, both of its streams on our standard error; resolves to its exit code.
 * Rejects only when it cannot be started.
 * @param {string} command
 * @param {string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, quiet?: boolean, shell?: boolean }} [options]
 * @returns {Promise<{ code: number, output: string }>} `output` holds both streams when `quiet`
 */
export function runTool(command, args, { env = process.env, quiet = false, shell = false } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: ROOT,
      env,
      shell,
      stdio: quiet ? ['ignore', 'pipe', 'pipe'] : ['ignore', process.stderr, process.stderr],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (/** @type {string} */ text) => (output += text));
    }
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code: code ?? (signal === 'SIGINT' ? 130 : 1), output }));
  });
}

/**
 * Ends a script: prints an unexpected or expected failure and sets the exit code.
 * @param {unknown} error
 */
export function fail(error) {
  if (error instanceof SetupError) say(`\n${error.message}`);
  else say(`\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  process.exit(1);
}
