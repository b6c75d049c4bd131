// @ts-check
// npm run build: builds the page into dist/ for static hosting under any sub-path (and, with "cli", the command line
// into build/), whether or not a source has changed.
import { inRoot } from './lib/paths.js';
import { fail, say } from './lib/say.js';
import { setUp } from './lib/setup.js';

try {
  const target = process.argv.includes('cli') ? 'cli' : 'page';
  await setUp();
  const { ensureBuild } = await import('./lib/builds.js');
  await ensureBuild(target, { force: true });
  say(`Built ${inRoot(target === 'cli' ? 'build' : 'dist')}.`);
} catch (error) {
  fail(error);
}
