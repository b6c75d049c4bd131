/**
 * Two builds: the page into dist/ (default) and, with `--mode cli`, the command line into build/. Shaders come in as
 * text (`?raw`) in both, so a kernel is one file whoever runs it.
 */
import react from '@vitejs/plugin-react';
import { defineConfig, type PluginOption, type UserConfig } from 'vite';
import { existsSync } from 'node:fs';
import { inRoot } from './scripts/lib/paths.js';
import { makeText } from './scripts/make-text.js';
import { chartScales } from './scripts/vite/chartScales.js';
import { compactShaders } from './scripts/vite/compactShaders.js';
import { engineWorker } from './scripts/vite/engineWorker.js';
import { serviceWorker } from './scripts/vite/serviceWorker.js';

/** The bundled text is made before the first request or the first copy of public/. */
function bundledText(): PluginOption {
  return {
    name: 'prunelab-bundled-text',
    configResolved() {
      makeText();
    },
  };
}

const page: UserConfig = {
  // Works under any sub-path of any host.
  base: './',
  plugins: [react(), bundledText(), compactShaders(), engineWorker(), chartScales(), serviceWorker()],
  server: { host: '127.0.0.1', port: 5173 },
  // The engine, and so every shader, is in the worker.
  worker: { format: 'es', plugins: () => [compactShaders()] },
  build: {
    target: 'es2022',
    outDir: 'dist',
    // A worker has no document to preload into; styles are still waited for.
    modulePreload: { resolveDependencies: (_file, deps, { hostType }) => (hostType === 'html' ? deps : []) },
    // An inlined worker or font would be paid for by every visitor and escape the cache.
    assetsInlineLimit: 2048,
  },
};

/** Programs of the command line: what bin/prunelab.js starts, and the workers that it starts by file name. */
const programs = {
  cli: 'src/cli/start.ts',
  tokenizerWorker: 'src/formats/tokenizerWorker.node.ts',
  hashWorker: 'src/formats/hashWorker.node.ts',
};

const cli: UserConfig = {
  plugins: [bundledText()],
  publicDir: false,
  ssr: { target: 'node' },
  build: {
    ssr: true,
    target: 'node20',
    outDir: 'build',
    sourcemap: true,
    rollupOptions: {
      input: Object.fromEntries(Object.entries(programs).filter(([, file]) => existsSync(inRoot(file)))),
      output: { format: 'es', entryFileNames: '[name].js', chunkFileNames: 'chunks/[name]-[hash].js' },
    },
  },
};

export default defineConfig(({ mode }) => (mode === 'cli' ? cli : page));
