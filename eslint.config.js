// @ts-check
// Lint: strict, type-aware TypeScript, React's rules of hooks, and the arrows between folders. A folder's rule is one
// line in ARROWS; whatever is not in it must not be imported.
import js from '@eslint/js';
import { createNodeResolver, importX } from 'eslint-plugin-import-x';
import hooks from 'eslint-plugin-react-hooks';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import tseslint from 'typescript-eslint';

/**
 * What the files of a folder of src/ may import, besides their own folder. An entry with a slash is one file or one
 * folder inside another. Test files may import anything: they are nobody's foundation.
 * @type {Record<string, string[]>}
 */
const ARROWS = {
  core: [],
  gpu: ['core', 'shaders'],
  formats: ['core'],
  ops: ['gpu', 'core', 'shaders'],
  models: ['ops', 'gpu', 'formats', 'core'],
  eval: ['models', 'ops', 'gpu', 'core'],
  pruning: ['eval', 'models', 'ops', 'gpu', 'core'],
  session: ['pruning', 'eval', 'models', 'ops', 'gpu', 'formats', 'core'],
  app: [
    'session/protocol',
    'session/client',
    'session/replay',
    'pruning/allocations',
    'pruning/solvers/expressions',
    'eval/paired',
    'eval/betaChoice',
    'formats/zipStore',
    'formats/hubId',
    'formats/dropped',
    'formats/recipe',
    'formats/archive',
    'formats/compareHtml',
    'formats/compareSeries',
    'formats/compareTable',
    'core',
  ],
  bench: ['session', 'pruning', 'eval', 'models', 'ops', 'gpu', 'formats', 'core'],
  cli: ['bench', 'session', 'pruning', 'eval', 'models', 'ops', 'gpu', 'formats', 'core'],
};
const FOLDERS = [...Object.keys(ARROWS), 'testing'];
const RE_NODE_ONLY = '^node:|\\.node$|^(?:fs|path|os|child_process|worker_threads)$|^(?:\\.\\./)+cli/';

/**
 * Restricted imports of a folder, as patterns of no-restricted-imports.
 * @param {string} folder
 * @param {{ node?: boolean }} [file]
 */
function arrows(folder, { node = false } = {}) {
  const allowed = ARROWS[folder] ?? [];
  const forbidden = FOLDERS.filter((other) => other !== folder && !allowed.includes(other));
  const parts = allowed.filter((entry) => entry.includes('/'));
  const except = parts.length > 0 ? `(?!(?:${parts.join('|')})(?:/|$))` : '';
  const patterns = [
    {
      regex: `^(?:\\.\\./)+${except}(?:${forbidden.join('|')})(?:/|$)`,
      message: `src/${folder} may import from ${[...allowed, 'itself'].join(', ')} (see ARROWS in eslint.config.js).`,
    },
  ];
  if (!node && folder !== 'cli') {
    patterns.push({
      regex: RE_NODE_ONLY,
      message: 'Node-only code lives in src/cli or in files named *.node.ts.',
    });
  }
  if (folder !== 'cli')
    patterns.push({ regex: '^webgpu$', message: 'The GPU object is handed in by the entry point.' });
  return ['error', { patterns }];
}

const folderRules = Object.keys(ARROWS).flatMap((folder) => [
  {
    files: [`src/${folder}/**/*.{ts,tsx}`],
    ignores: ['**/*.test.{ts,tsx}'],
    rules: { 'no-restricted-imports': arrows(folder) },
  },
  {
    files: [`src/${folder}/**/*.node.ts`],
    rules: { 'no-restricted-imports': arrows(folder, { node: true }) },
  },
]);

/** Imports here have no extension and the sources are few: a look at the disk is all the resolving that cycles need. */
const sourceResolver = {
  interfaceVersion: /** @type {const} */ (3),
  name: 'prunelab-sources',
  resolve(/** @type {string} */ request, /** @type {string} */ importer) {
    if (!request.startsWith('.')) return { found: false };
    const base = join(importer, '..', request.replace(/\?.*$/, ''));
    const path = ['', '.ts', '.tsx', '/index.ts', '.js']
      .map((end) => base + end)
      .find((file) => /\.\w+$/.test(file) && existsSync(file));
    return path ? { found: true, path } : { found: false };
  },
};

export default tseslint.config(
  {
    ignores: [
      'dist',
      'build',
      '.cache',
      'node_modules',
      'public',
      'test-results',
      'playwright-report',
      'scripts/vite/sw.template.js',
    ],
  },
  js.configs.recommended,
  {
    files: ['**/*.{ts,tsx}'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { attributes: false } }],
      '@typescript-eslint/consistent-type-imports': ['error', { disallowTypeAnnotations: false }],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }],
      // Numbers in messages are the point of our messages.
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      // Types promise more than hostile files, insecure pages and old browsers keep; a guard is no fault.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      // Our objects are closures: their methods need no receiver.
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // Overlong generics and namespaces of libraries are not ours to judge.
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      '@typescript-eslint/no-extraneous-class': 'off',
      // Four tenths of the time, and nothing in this code base for them to find.
      '@typescript-eslint/no-deprecated': 'off',
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      '@typescript-eslint/no-unsafe-enum-assignment': 'off',
      '@typescript-eslint/no-dynamic-delete': 'off',
      // Magic bytes of file formats.
      'no-control-regex': 'off',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-console': 'error',
      'no-warning-comments': ['error', { terms: ['fixme', 'xxx', 'todo'] }],
    },
  },
  {
    files: ['src/**/*.{ts,tsx}'],
    plugins: { 'import-x': importX },
    settings: {
      'import-x/resolver-next': [sourceResolver, createNodeResolver()],
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts', '.tsx'] },
    },
    rules: { 'import-x/no-cycle': ['error', { ignoreExternal: true }] },
  },
  {
    files: ['src/app/**/*.{ts,tsx}'],
    plugins: { 'react-hooks': hooks },
    rules: { 'react-hooks/rules-of-hooks': 'error', 'react-hooks/exhaustive-deps': 'error' },
  },
  ...folderRules,
  {
    // Tests may look inside, and vitest's matchers are loosely typed.
    files: ['**/*.test.{ts,tsx}', 'e2e/**/*.ts', 'src/testing/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      // `async` functions of a fake need not wait for anything.
      '@typescript-eslint/require-await': 'off',
    },
  },
  { files: ['bench/**/*.ts', 'src/cli/**/*.ts'], rules: { 'no-console': 'off' } },
  {
    files: ['**/*.js'],
    languageOptions: {
      globals: Object.fromEntries(
        [
          'process',
          'console',
          'fetch',
          'URL',
          'Buffer',
          'setTimeout',
          'clearTimeout',
          'setInterval',
          'clearInterval',
          'NodeJS',
          'performance',
          'TextEncoder',
          'TextDecoder',
        ].map((name) => [name, 'readonly']),
      ),
    },
    rules: { 'no-unused-vars': ['error', { argsIgnorePattern: '^_' }], eqeqeq: 'error' },
  },
);
