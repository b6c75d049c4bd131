// @ts-check
// Vite plugin: the engine's worker as an entry of the page's own build, so that both share the chunks of what both use.
// (A worker in the usual way is a build of its own, and every module that the page has as well is fetched twice.)
import { inRoot } from '../lib/paths.js';

const NAME = 'virtual:engine-worker';
const SOURCE = 'src/session/worker.ts';

/** @returns {import('vite').Plugin} */
export function engineWorker() {
  let building = false;
  return {
    name: 'prunelab-engine-worker',
    configResolved(config) {
      building = config.command === 'build';
    },
    resolveId: (id) => (id === NAME ? `\0${NAME}` : null),
    // Vite's helper for dynamic imports tells the window of a failure, and a worker has none.
    transform: (code, id) =>
      id.includes('vite/preload-helper')
        ? code.replaceAll('window.dispatchEvent', 'globalThis.dispatchEvent')
        : null,
    load(id) {
      if (id !== `\0${NAME}`) return null;
      if (!building) return `export default '/${SOURCE}?worker_file&type=module';`;
      const ref = this.emitFile({ type: 'chunk', id: inRoot(SOURCE), name: 'worker' });
      return `export default import.meta.ROLLUP_FILE_URL_${ref};`;
    },
  };
}
