import { readFile } from 'node:fs/promises';

/**
 * Shaders without whole-line comments and indentation: what a visitor fetches. Statements keep their lines' order, and
 * nothing is renamed.
 *
 * @param {string} code
 */
export function compactShader(code) {
  return code
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('//'))
    .join('\n');
}

/**
 * In builds of the page alone; the command line and the development server keep shaders as they are written.
 *
 * @returns {import('vite').Plugin}
 */
export function compactShaders() {
  return {
    name: 'prunelab-compact-shaders',
    apply: 'build',
    enforce: 'pre',
    async load(id) {
      if (!id.endsWith('.wgsl?raw')) return null;
      const file = id.slice(0, -'?raw'.length);
      this.addWatchFile(file);
      return `export default ${JSON.stringify(compactShader(await readFile(file, 'utf8')))}`;
    },
  };
}
