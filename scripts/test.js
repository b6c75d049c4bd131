// @ts-check
// npm test: sets up, finds or gets a browser, builds, and runs every suite.
//   npm test                            everything
//   npm test -- --only unit             one suite (unit, gpu, browser, e2e; repeat or separate with commas)
//   npm test -- --only gpu matmul       only the test files whose path contains "matmul"
// REQUIRE_GPU=1 turns skipped tests into failures.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { CACHE, inRoot, ROOT } from './lib/paths.js';
import { fromPlaywright, fromVitest, suiteFailures, summary, totals } from './lib/results.js';
import { fail, say, SetupError } from './lib/say.js';
import { setUp } from './lib/setup.js';

/**
 * @typedef {import('./lib/results.js').TestResult} TestResult
 * @typedef {'unit' | 'gpu' | 'browser' | 'e2e'} Suite
 */

/** @type {Record<Suite, string>} */
const SUITES = {
  unit: 'Unit tests',
  gpu: 'GPU tests in Node (Dawn)',
  browser: 'The same GPU tests in the browser',
  e2e: 'The built page in the browser, and the command line',
};
const VITEST = inRoot('node_modules/vitest/vitest.mjs');
const PLAYWRIGHT = inRoot('node_modules/@playwright/test/cli.js');
const OUTPUT = join(CACHE, 'test-results');

/** @param {string[]} argv */
function parseArguments(argv) {
  const all = /** @type {Suite[]} */ (Object.keys(SUITES));
  /** @type {string[]} */
  const only = [];
  /** @type {string[]} */
  const filters = [];
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i] ?? '';
    if (argument === '--only') only.push(...(argv[++i] ?? '').split(','));
    else if (argument.startsWith('--only=')) only.push(...argument.slice('--only='.length).split(','));
    else if (argument.startsWith('-'))
      throw new SetupError(
        `npm test does not know ${argument}.`,
        'Use --only SUITE and parts of file names.',
      );
    else filters.push(argument);
  }
  const unknown = only.find((name) => !all.some((suite) => suite === name));
  if (unknown !== undefined)
    throw new SetupError(`There is no suite "${unknown}".`, `Use one of: ${all.join(', ')}.`);
  return { suites: only.length > 0 ? all.filter((suite) => only.includes(suite)) : all, filters };
}

/**
 * Runs a test program with its progress on our standard output.
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<number>} exit code
 */
function run(args, env) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: ROOT, env, stdio: ['ignore', 'inherit', 'inherit'] });
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}

/** @returns {Promise<number>} a port that is free now */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

/**
 * @param {Suite} suite
 * @param {string[]} filters
 * @param {{ browser: string | undefined, vulkan: Record<string, string> }} found
 * @returns {Promise<TestResult[]>}
 */
async function runSuite(suite, filters, { browser, vulkan }) {
  const file = join(OUTPUT, `${suite}.json`);
  rmSync(file, { force: true });
  /** @type {NodeJS.ProcessEnv} */
  const env = { ...process.env };
  if (browser) env.PRUNELAB_CHROME = browser;
  let code;
  if (suite === 'e2e') {
    env.PLAYWRIGHT_JSON_OUTPUT_NAME = file;
    env.PRUNELAB_E2E_PORT = String(await freePort());
    code = await run([PLAYWRIGHT, 'test', '--reporter=list,json', ...filters], env);
  } else {
    if (suite === 'gpu') Object.assign(env, vulkan);
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
    code = await run([VITEST, 'run', '--project', suite, ...reporters, ...filters], env);
  }
  /** @type {TestResult[]} */
  let results = [];
  if (existsSync(file)) {
    const report = JSON.parse(readFileSync(file, 'utf8'));
    results = suite === 'e2e' ? fromPlaywright(suite, report) : fromVitest(suite, report, ROOT);
  }
  return [...results, ...suiteFailures(suite, results, code)];
}

try {
  const { suites, filters } = parseArguments(process.argv.slice(2));
  await setUp();
  /** @type {string | undefined} */
  let browser;
  /** @type {Record<string, string>} */
  let vulkan = {};
  if (suites.some((suite) => suite !== 'unit')) {
    const { ensureBrowser } = await import('./lib/browser.js');
    const { chooseAdapter } = await import('./lib/vulkan.js');
    const found = await ensureBrowser();
    browser = found.path;
    process.env.PRUNELAB_CHROME = browser;
    const adapter = chooseAdapter();
    vulkan = adapter.env;
    say(`Browser: ${found.path} (${found.from}). Adapter in Node: ${adapter.description} (${adapter.kind}).`);
  }
  if (suites.includes('e2e')) await setUp('page', 'cli');
  else (await import('./make-text.js')).makeText();

  mkdirSync(OUTPUT, { recursive: true });
  /** @type {TestResult[]} */
  const results = [];
  for (const suite of suites) {
    console.log(`\n── ${SUITES[suite]} (${suite})`);
    const started = Date.now();
    results.push(...(await runSuite(suite, filters, { browser, vulkan })));
    console.log(`── ${suite}: ${((Date.now() - started) / 1000).toFixed(1)} s`);
  }
  const { failed, skipped } = totals(results);
  if (process.env.REQUIRE_GPU === '1' && skipped > 0)
    console.log(`\nREQUIRE_GPU=1: ${skipped} skipped tests count as a failure.`);
  console.log(summary(results));
  process.exitCode = failed > 0 || (process.env.REQUIRE_GPU === '1' && skipped > 0) ? 1 : 0;
} catch (error) {
  fail(error);
}
