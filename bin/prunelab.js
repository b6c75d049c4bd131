#!/usr/bin/env node
// @ts-check
// The command line. Sets this checkout up when needed (said on standard error), then runs build/cli.js in a process
// whose environment shows Dawn a Vulkan driver, with the native library's chatter taken out of its standard error.
import { spawn } from 'node:child_process';
import { inRoot } from '../scripts/lib/paths.js';
import { setUp } from '../scripts/lib/setup.js';
import { quietStderr } from '../scripts/lib/quietStderr.js';

/** How long after a signal the child may take to end before it is sent on (a terminal has sent it already). */
const SIGNAL_GRACE_MS = 100;

/** @param {string} kind @param {string} message */
function lastWords(kind, message) {
  const line = message.replace(/\s+/g, ' ').trim().slice(0, 1900);
  process.stderr.write(`prunelab: ${kind}: ${line}\n`);
  process.exitCode = 1;
}

/** @param {string[]} argv */
function adapterFlag(argv) {
  const at = argv.findIndex((argument) => argument === '--adapter' || argument.startsWith('--adapter='));
  const flag = argv[at] ?? '';
  return flag === '--adapter' ? argv[at + 1] : flag.slice('--adapter='.length) || undefined;
}

/** @param {string[]} argv @param {Record<string, string>} vulkan */
function runCli(argv, vulkan) {
  /** @type {NodeJS.ProcessEnv} */
  const env = { ...process.env, ...vulkan, NODE_NO_WARNINGS: '1' };
  if (process.stderr.isTTY) env.PRUNELAB_TTY = '1';
  const child = spawn(process.execPath, [inRoot('build/cli.js'), ...argv], {
    env,
    stdio: ['inherit', 'inherit', 'pipe'],
  });
  quietStderr(child.stderr, process.stderr);

  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(signal, () => {
      setTimeout(() => child.kill(signal), SIGNAL_GRACE_MS).unref();
    });
  }
  child.on('error', (error) =>
    lastWords('InternalError', `the command line could not be started: ${error.message}`),
  );
  child.on('close', (code, signal) => {
    if (code !== null) process.exitCode = code;
    else if (signal === 'SIGINT' || signal === 'SIGTERM' || signal === 'SIGHUP') process.exitCode = 130;
    else if (signal === 'SIGKILL')
      lastWords(
        'OutOfMemoryError',
        'the system ended the process, most likely for want of memory. Close other programs or use fewer tokens.',
      );
    else
      lastWords(
        'InternalError',
        `the engine crashed (${signal}). Update the graphics driver, or try --adapter software.`,
      );
  });
}

try {
  await setUp('cli');
  const { chooseAdapter } = await import('../scripts/lib/vulkan.js');
  const argv = process.argv.slice(2);
  runCli(argv, chooseAdapter(adapterFlag(argv) ?? process.env.PRUNELAB_ADAPTER).env);
} catch (error) {
  lastWords('InternalError', error instanceof Error ? error.message : String(error));
}
