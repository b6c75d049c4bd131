// @ts-check
// The comparison's page: its packages, built and served.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, preview } from 'vite';
import { CACHE, inRoot } from '../../scripts/lib/paths.js';
import { runTool, say } from '../../scripts/lib/say.js';

const HERE = dirname(fileURLToPath(import.meta.url));
const MODULES = join(HERE, 'node_modules');
const STAMP = join(MODULES, '.prunelab-stamp');

/** @type {{ dependencies: Record<string, string> }} */
const { dependencies } = JSON.parse(readFileSync(join(HERE, 'package.json'), 'utf8'));

/** Versions of the peers, by package. */
export const versions = dependencies;

const wanted = () =>
  createHash('sha256')
    .update(readFileSync(join(HERE, 'package-lock.json')))
    .digest('hex');

export function installed() {
  try {
    return readFileSync(STAMP, 'utf8') === wanted();
  } catch {
    return false;
  }
}

/** Installs the peers (some 380 MB) where they are not; resolves to whether they are there. */
export async function install() {
  if (installed()) return true;
  say(`Installing ${Object.keys(dependencies).join(', ')} into bench/peers/node_modules (npm ci)…`);
  // Nothing of theirs needs to run at installation: only files that a page loads are used.
  const { code } = await runTool(
    'npm',
    ['ci', '--prefix', HERE, '--ignore-scripts', '--no-audit', '--no-fund'],
    { shell: process.platform === 'win32' },
  );
  if (code === 0) writeFileSync(STAMP, wanted());
  else say('They could not be installed: their rows will say so.');
  return code === 0;
}

/**
 * Packages that are not there become modules that say so when they are loaded.
 * @returns {import('vite').Plugin}
 */
function absentPackages() {
  const names = Object.keys(dependencies);
  const ABSENT = '\0absent:';
  return {
    name: 'prunelab-absent-packages',
    enforce: 'pre',
    resolveId(id) {
      const name = names.find((n) => id === n || id.startsWith(`${n}/`));
      return name && !existsSync(join(MODULES, name)) ? ABSENT + name : undefined;
    },
    load(id) {
      if (!id.startsWith(ABSENT)) return undefined;
      const text = JSON.stringify(
        `${id.slice(ABSENT.length)} is not installed: prunelab bench --peers installs it where npm has a network`,
      );
      // Whatever is imported by name must exist for the page to be built.
      return {
        code: `throw new Error(${text}); export const env = {}, Tensor = {}, InferenceSession = {};`,
        syntheticNamedExports: true,
      };
    },
  };
}

/** @param {string} target @param {string} folder */
function link(target, folder) {
  if (existsSync(target)) symlinkSync(target, folder, 'junction');
}

/**
 * Builds the page and serves it, isolated from other origins, as threads in WebAssembly ask for.
 * @param {string | undefined} onnxFolder the demo model as transformers.js reads it
 * @returns {Promise<{ url: string, close: () => Promise<void> }>}
 */
export async function openSite(onnxFolder) {
  // A folder of its own: another comparison may be running.
  const outDir = join(CACHE, `peers-site-${process.pid}`);
  await build({
    root: HERE,
    configFile: false,
    logLevel: 'warn',
    base: './',
    publicDir: false,
    plugins: [absentPackages()],
    worker: { format: 'es', plugins: () => [absentPackages()] },
    resolve: { conditions: ['onnxruntime-web-use-extern-wasm', 'module', 'browser', 'production'] },
    build: { target: 'esnext', outDir, emptyOutDir: true, minify: false, chunkSizeWarningLimit: 10_000 },
  });
  // Large files stay where they are.
  link(join(MODULES, 'onnxruntime-web/dist'), join(outDir, 'ort'));
  const inner = join(MODULES, '@huggingface/transformers/node_modules/onnxruntime-web/dist');
  link(inner, join(outDir, 'ort-transformers'));
  link(inRoot('public/models/demo'), join(outDir, 'demo'));
  mkdirSync(join(outDir, 'models'), { recursive: true });
  if (onnxFolder) link(onnxFolder, join(outDir, 'models/demo'));
  const server = await preview({
    root: HERE,
    // A file that is not there is an error, not this page.
    appType: 'mpa',
    configFile: false,
    logLevel: 'warn',
    build: { outDir },
    preview: {
      host: '127.0.0.1',
      port: 0,
      headers: {
        'Cross-Origin-Opener-Policy': 'same-origin',
        'Cross-Origin-Embedder-Policy': 'require-corp',
      },
    },
  });
  const url = server.resolvedUrls?.local[0];
  if (!url) throw new Error('The page could not be served.');
  return {
    url,
    async close() {
      await server.close();
      rmSync(outDir, { recursive: true, force: true });
    },
  };
}
