/**
 * The program that bin/prunelab.js starts: runs the command line and ends the process with its exit code. Everything
 * else is in main.ts, which tests call directly.
 */

/** A second Ctrl+C this long after the first ends the process without waiting for the work to stop. */
const PATIENCE_MS = 2_000;

/** What nobody caught: still one last line, and the exit code of a failed run. */
function crash(error: unknown): never {
  const message = error instanceof Error ? error.message : String(error);
  if (process.argv.includes('--debug') && error instanceof Error)
    process.stderr.write(`${error.stack ?? ''}\n`);
  process.stderr.write(`prunelab: InternalError: ${message.replace(/\s+/g, ' ').slice(0, 1900)}\n`);
  process.exit(1);
}
process.on('uncaughtException', crash);
process.on('unhandledRejection', crash);

let asked: number | undefined;
const abort = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  // Always a listener, and from the first moment: a signal that arrives while the program is still being read must not
  // be lost, and one that arrives twice (terminal and parent) must not kill the clean-up of the first.
  process.on(signal, () => {
    asked ??= Date.now();
    abort.abort();
    if (Date.now() - asked > PATIENCE_MS) process.exit(130);
  });
}

/** Resolves when what was written has left the process. */
function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => {
      resolve();
    });
  });
}

// A reader that closed early (`| head`) is no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});
process.stderr.on('error', () => undefined);

const { main } = await import('./main');
const code = await main(process.argv.slice(2), abort.signal);
await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
// Dawn keeps a process alive until its object is gone; ending here needs no such order.
process.exit(code);

export {};
