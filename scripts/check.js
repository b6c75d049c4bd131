// @ts-check
// npm run check: types, lint (with the allowed arrows between folders) and format, side by side. No GPU, no build.
import { spawn } from 'node:child_process';
import { inRoot, ROOT } from './lib/paths.js';
import { fail, say } from './lib/say.js';
import { setUp } from './lib/setup.js';

const TOOLS = {
  types: ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json', '--pretty'],
  lint: ['node_modules/eslint/bin/eslint.js', '.', '--max-warnings', '0', '--color'],
  format: [
    'node_modules/prettier/bin/prettier.cjs',
    '--check',
    '.',
    '--log-level',
    'warn',
    '--cache',
    '--cache-location',
    '.cache/prettier',
  ],
};

/**
 * @param {string} name
 * @param {string[]} tool
 * @returns {Promise<boolean>} whether it found nothing
 */
function check(name, [program = '', ...args]) {
  const started = Date.now();
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [inRoot(program), ...args], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text) => (output += text));
    child.on('error', reject);
    child.on('close', (code) => {
      const seconds = ((Date.now() - started) / 1000).toFixed(1);
      say(`${code === 0 ? '✓' : '✗'} ${name} (${seconds} s)${output.trim() ? `\n${output.trim()}` : ''}`);
      resolve(code === 0);
    });
  });
}

try {
  await setUp();
  const results = await Promise.all(Object.entries(TOOLS).map(([name, tool]) => check(name, tool)));
  process.exitCode = results.every(Boolean) ? 0 : 1;
} catch (error) {
  fail(error);
}
