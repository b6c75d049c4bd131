// @ts-check
// npm start: sets up, builds, serves the page, and prints its address when it answers.
import { spawn } from 'node:child_process';
import { inRoot } from './lib/paths.js';
import { fail, SetupError } from './lib/say.js';
import { setUp } from './lib/setup.js';
import { serveFolder } from './lib/staticServer.js';

const DEFAULT_PORT = 5173;

function wantedPort() {
  const text = process.env.PORT;
  if (!text) return DEFAULT_PORT;
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65535) {
    throw new SetupError(
      `PORT is "${text}", which is not a port number.`,
      'Use a number from 1 to 65535, or 0 for a free port.',
    );
  }
  return Number(text);
}

/** A screen to open a browser on, and a person in front of it. */
function isDesktop() {
  if (process.env.CI) return false;
  if (process.platform === 'darwin' || process.platform === 'win32') return !process.env.SSH_CONNECTION;
  return Boolean(process.env.DISPLAY ?? process.env.WAYLAND_DISPLAY);
}

/** @param {string} url */
function openBrowser(url) {
  const [command, ...args] =
    process.platform === 'darwin'
      ? ['open', url]
      : process.platform === 'win32'
        ? ['cmd', '/c', 'start', '', url]
        : ['xdg-open', url];
  const child = spawn(command, args, { stdio: 'ignore', detached: true });
  // No opener on this desktop: the address is on the screen.
  child.on('error', () => undefined);
  child.unref();
}

try {
  // Before the work, not after it: a wrong PORT is said at once.
  const port = wantedPort();
  await setUp('page');
  const server = await serveFolder({ root: inRoot('dist'), port });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.once(signal, () => void server.close().then(() => process.exit(0)));
  }
  const response = await fetch(server.url);
  if (!response.ok)
    throw new SetupError(
      `The page answers with HTTP ${response.status}.`,
      'Delete dist/ and run this again.',
    );
  await response.text();
  console.log(`Prunelab is ready (Ctrl+C ends it):\n${server.url}`);
  if (isDesktop()) openBrowser(server.url);
} catch (error) {
  fail(error);
}
