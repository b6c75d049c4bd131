// @ts-check
// One shape for the results of all test suites, and how they are shown. Pure: takes the reporters' JSON, gives text.

/**
 * @typedef {{ suite: string, file: string, name: string, outcome: 'passed' | 'failed' | 'skipped', ms: number, message: string }} TestResult
 * @typedef {{ name?: string, status?: string, message?: string, assertionResults?: VitestCase[] }} VitestFile
 * @typedef {{ fullName?: string, status?: string, duration?: number | null, failureMessages?: string[] }} VitestCase
 * @typedef {{ message?: string, stack?: string }} PlaywrightError
 * @typedef {{ status?: string, projectName?: string, results?: { duration?: number, errors?: PlaywrightError[] }[] }} PlaywrightTest
 * @typedef {{ title?: string, file?: string, tests?: PlaywrightTest[] }} PlaywrightSpec
 * @typedef {{ title?: string, file?: string, specs?: PlaywrightSpec[], suites?: PlaywrightSuite[] }} PlaywrightSuite
 */

// Reporters colour their messages.
// eslint-disable-next-line no-control-regex
const RE_COLOUR = /\u001b\[[0-9;]*m/g;

/**
 * @param {string} suite
 * @param {{ testResults?: VitestFile[] }} report of vitest's JSON reporter
 * @param {string} root
 * @returns {TestResult[]}
 */
export function fromVitest(suite, report, root) {
  return (report.testResults ?? []).flatMap(({ name = '', status, message = '', assertionResults = [] }) => {
    const file = name.startsWith(root) ? name.slice(root.length + 1) : name;
    const cases = assertionResults.map((one) => ({
      suite,
      file,
      name: (one.fullName ?? '').trim(),
      outcome: vitestOutcome(one.status),
      ms: one.duration ?? 0,
      message: (one.failureMessages ?? []).join('\n'),
    }));
    // A file that broke while it was loaded has no cases, or a hook failed outside of any case.
    const told = cases.some(({ outcome }) => outcome === 'failed');
    if (status !== 'failed' || told) return cases;
    return [
      ...cases,
      { suite, file, name: '(file)', outcome: /** @type {const} */ ('failed'), ms: 0, message },
    ];
  });
}

/** @param {string | undefined} status @returns {TestResult['outcome']} */
function vitestOutcome(status) {
  if (status === 'passed') return 'passed';
  return status === 'failed' ? 'failed' : 'skipped';
}

/**
 * @param {string} suite
 * @param {{ suites?: PlaywrightSuite[], errors?: PlaywrightError[] }} report of Playwright's JSON reporter
 * @returns {TestResult[]}
 */
export function fromPlaywright(suite, report) {
  /** @type {TestResult[]} */
  const results = [];
  const walk = (/** @type {PlaywrightSuite} */ group, /** @type {string[]} */ titles) => {
    for (const spec of group.specs ?? []) {
      for (const test of spec.tests ?? []) {
        const runs = test.results ?? [];
        results.push({
          suite,
          file: spec.file ?? group.file ?? '',
          name: [...titles, spec.title ?? ''].join(' '),
          outcome: test.status === 'expected' ? 'passed' : test.status === 'skipped' ? 'skipped' : 'failed',
          ms: runs.reduce((sum, run) => sum + (run.duration ?? 0), 0),
          message: runs
            .flatMap((run) => (run.errors ?? []).map((error) => error.stack ?? error.message ?? ''))
            .join('\n'),
        });
      }
    }
    for (const inner of group.suites ?? []) walk(inner, [...titles, inner.title ?? '']);
  };
  // The outermost group is the file.
  for (const file of report.suites ?? []) walk(file, []);
  for (const error of report.errors ?? []) {
    results.push({
      suite,
      file: '',
      name: '(outside of any test)',
      outcome: 'failed',
      ms: 0,
      message: error.stack ?? error.message ?? '',
    });
  }
  return results;
}

/**
 * Failures of a whole suite: its program failed though no test did, or nothing ran.
 * @param {string} suite
 * @param {TestResult[]} results
 * @param {number} exitCode
 * @returns {TestResult[]} empty when all is well
 */
export function suiteFailures(suite, results, exitCode) {
  const count = (/** @type {TestResult['outcome']} */ outcome) =>
    results.filter((r) => r.outcome === outcome).length;
  const failure = (/** @type {string} */ message) => [
    { suite, file: '', name: '(suite)', outcome: /** @type {const} */ ('failed'), ms: 0, message },
  ];
  if (count('failed') > 0) return [];
  if (exitCode !== 0)
    return failure(
      `The suite ended with exit code ${exitCode}, though no test failed; see its output above.`,
    );
  if (count('passed') === 0) return failure('The suite ran nothing.');
  return [];
}

/** @param {TestResult[]} results */
export function totals(results) {
  const count = (/** @type {TestResult['outcome']} */ outcome) =>
    results.filter((r) => r.outcome === outcome).length;
  return { passed: count('passed'), failed: count('failed'), skipped: count('skipped') };
}

/** @param {TestResult} result */
const label = ({ suite, file, name }) => [suite, file, name].filter(Boolean).join(' › ');

/** @param {number} ms */
const seconds = (ms) => `${(ms / 1000).toFixed(2).padStart(8)} s`;

/**
 * The end of `npm test`: failures, skips, the slowest tests, and as its last line the totals.
 * @param {TestResult[]} results
 * @param {number} [slowest]
 * @returns {string}
 */
export function summary(results, slowest = 10) {
  const lines = [];
  const failed = results.filter(({ outcome }) => outcome === 'failed');
  if (failed.length > 0) lines.push('', 'Failed:');
  for (const result of failed) {
    const message = result.message.replace(RE_COLOUR, '').trim();
    lines.push(
      `  ✗ ${label(result)}`,
      ...message
        .split('\n')
        .slice(0, 30)
        .map((line) => `      ${line}`),
    );
  }
  const skipped = results.filter(({ outcome }) => outcome === 'skipped');
  if (skipped.length > 0) lines.push('', 'Skipped:', ...skipped.map((result) => `  - ${label(result)}`));
  const ran = results.filter(({ outcome, ms }) => outcome !== 'skipped' && ms > 0);
  const slow = ran.sort((a, b) => b.ms - a.ms).slice(0, slowest);
  if (slow.length > 0)
    lines.push('', 'Slowest:', ...slow.map((result) => `  ${seconds(result.ms)}  ${label(result)}`));
  const sum = totals(results);
  lines.push('', `${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`);
  return lines.join('\n');
}
