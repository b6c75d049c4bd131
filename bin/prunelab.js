#!/usr/bin/env node
// @ts-check
// The command line. Sets this checkout up when needed (said on standard error), then runs build/cli.js in a process
// whose environment shows Dawn a Vulkan driver, with the native library's chatter taken out of its standard error.
// Everything is imported after the first lines, so that a signal that comes at once is answered like any other.
import { spawn } from 'node:child_process';

/** How long after a signal the child may take to end before it is sent on (a terminal has sent it already). */
const SIGNAL_GRACE_MS = 100;
const SIGNALS = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);

/** @type {import('node:child_process').ChildProcess | undefined} */
let child;

for (const signal of SIGNALS) {
  process.on(signal, () => {
    if (child) setTimeout(() => child?.kill(signal), SIGNAL_GRACE_MS).unref();
    else {
      cancelled();
      process.exit();
    }
  });
}

/** @param {string} kind @param {string} message @param {number} [code] */
function lastWords(kind, message, code = 1) {
  const line = message.replace(/\s+/g, ' ').trim().slice(0, 1900);
  process.stderr.write(`prunelab: ${kind}: ${line}\n`);
  process.exitCode = code;
}

function cancelled() {
  lastWords('CancelledError', 'Cancelled; nothing half-written remains.', 130);
}

/** @param {string[]} argv */
function adapterFlag(argv) {
  const at = argv.findIndex((argument) => argument === '--adapter' || argument.startsWith('--adapter='));
  const flag = argv[at] ?? '';
  return flag === '--adapter' ? argv[at + 1] : flag.slice('--adapter='.length) || undefined;
}

/** @param {string} program @param {string[]} argv @param {Record<string, string>} vulkan */
function runCli(program, argv, vulkan) {
  /** @type {NodeJS.ProcessEnv} */
  const env = { ...process.env, ...vulkan, NODE_NO_WARNINGS: '1' };
  if (process.stderr.isTTY) env.PRUNELAB_TTY = '1';
  const started = spawn(process.execPath, [program, ...argv], { env, stdio: ['inherit', 'inherit', 'pipe'] });
  child = started;
  started.on('error', (error) =>
    lastWords('InternalError', `the command line could not be started: ${error.message}`),
  );
  started.on('close', (code, signal) => {
    if (code !== null) process.exitCode = code;
    // It says so itself once it listens; a signal that ended it before that left it no time.
    else if (SIGNALS.some((known) => known === signal)) cancelled();
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
  return started;
}

try {
  const { setUp } = await import('../scripts/lib/setup.js');
  await setUp('cli');
  const [{ chooseAdapter }, { inRoot }, { quietStderr }] = await Promise.all([
    import('../scripts/lib/vulkan.js'),
    import('../scripts/lib/paths.js'),
    import('../scripts/lib/quietStderr.js'),
  ]);
  const argv = process.argv.slice(2);
  const { env } = chooseAdapter(adapterFlag(argv) ?? process.env.PRUNELAB_ADAPTER);
  quietStderr(runCli(inRoot('build/cli.js'), argv, env).stderr, process.stderr);
} catch (error) {
  lastWords('InternalError', error instanceof Error ? error.message : String(error));
}
