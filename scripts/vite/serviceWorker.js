// @ts-check
// Vite plugin: writes sw.js with the list of the files of this very build.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inRoot } from '../lib/paths.js';

/** Below these folders of public/ lie the demo model and the text; the rest of public/ belongs to the shell. */
const DATA_FOLDERS = ['models/', 'texts/'];

/** @param {string} folder @returns {string[]} with forward slashes, sorted */
function publicFiles(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(folder.length + 1)
        .replaceAll('\\', '/'),
    )
    .filter((path) => !path.split('/').some((part) => part.startsWith('.')))
    .sort();
}

/** @param {Iterable<string | Uint8Array>} parts */
function digest(parts) {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex').slice(0, 16);
}

/** @returns {import('vite').Plugin} */
export function serviceWorker() {
  const folder = inRoot('public');
  const isData = (/** @type {string} */ path) => DATA_FOLDERS.some((data) => path.startsWith(data));
  const version = (/** @type {string[]} */ paths) =>
    digest(paths.flatMap((path) => [path, readFileSync(join(folder, path))]));
  /** @type {{ data: string[], shell: string[], dataVersion: string }} */
  const found = { data: [], shell: [], dataVersion: '' };

  return {
    name: 'prunelab-service-worker',
    apply: 'build',
    buildStart() {
      const files = publicFiles(folder);
      found.data = files.filter(isData);
      found.shell = files.filter((path) => !isData(path));
      found.dataVersion = version(found.data);
    },
    // The page differs whenever any file of the deployment does: that is how an old worker knows that it is old.
    transformIndexHtml: () => [
      {
        tag: 'meta',
        attrs: { name: 'prunelab-data', content: digest([found.dataVersion, version(found.shell)]) },
        injectTo: 'head',
      },
    ],
    generateBundle: {
      order: 'post',
      handler(_options, bundle) {
        const built = Object.values(bundle).filter(({ fileName }) => !fileName.endsWith('.map'));
        const files = [...built.map(({ fileName }) => fileName), ...found.shell].sort();
        const contents = built.map((file) => (file.type === 'chunk' ? file.code : file.source));
        const shell = { version: digest([...files, ...contents, version(found.shell)]), files };
        const source = readFileSync(new URL('sw.template.js', import.meta.url), 'utf8')
          .replace('/* shell */ {}', JSON.stringify(shell))
          .replace('/* data */ {}', JSON.stringify({ version: found.dataVersion, files: found.data }));
        this.emitFile({ type: 'asset', fileName: 'sw.js', source });
      },
    },
  };
}
