import { describe, expect, it } from 'vitest';
import { fromPlaywright, fromVitest, suiteFailures, summary, totals, type TestResult } from './results.js';

const result = (outcome: TestResult['outcome'], ms = 1, name = 'a test'): TestResult => {
  return {
    suite: 'unit',
    file: 'src/a.test.ts',
    name,
    outcome,
    ms,
    message: outcome === 'failed' ? 'expected 1\nto be 2' : '',
  };
};

describe('results of the suites', () => {
  it('come from a vitest report, a broken file included', () => {
    const report = {
      testResults: [
        {
          name: '/repo/src/a.test.ts',
          status: 'failed',
          assertionResults: [
            { fullName: 'a works', status: 'passed', duration: 3 },
            { fullName: 'a breaks', status: 'failed', duration: 4, failureMessages: ['no'] },
            { fullName: 'a waits', status: 'pending', duration: null },
          ],
        },
        { name: '/repo/src/b.test.ts', status: 'failed', message: 'SyntaxError', assertionResults: [] },
      ],
    };
    const results = fromVitest('unit', report, '/repo');
    expect(totals(results)).toEqual({ passed: 1, failed: 2, skipped: 1 });
    expect(results.map(({ file, name, message }) => [file, name, message])).toEqual([
      ['src/a.test.ts', 'a works', ''],
      ['src/a.test.ts', 'a breaks', 'no'],
      ['src/a.test.ts', 'a waits', ''],
      ['src/b.test.ts', '(file)', 'SyntaxError'],
    ]);
  });

  it('come from a Playwright report, nested groups and errors outside of tests included', () => {
    const spec = (title: string, status: string, errors: { message: string }[] = []) => ({
      title,
      file: 'x.spec.ts',
      tests: [{ status, results: [{ duration: 20, errors }] }],
    });
    const report = {
      suites: [
        {
          title: 'x.spec.ts',
          file: 'x.spec.ts',
          specs: [spec('opens', 'expected'), spec('is skipped', 'skipped')],
          suites: [
            {
              title: 'drag',
              specs: [spec('moves', 'unexpected', [{ message: 'late' }]), spec('wavers', 'flaky')],
            },
          ],
        },
      ],
      errors: [{ message: 'the server did not start' }],
    };
    const results = fromPlaywright('e2e', report);
    expect(totals(results)).toEqual({ passed: 1, failed: 3, skipped: 1 });
    expect(results.map(({ name, message }) => [name, message])).toContainEqual(['drag moves', 'late']);
    expect(results.at(-1)?.message).toBe('the server did not start');
  });

  it('fail when a suite ran nothing, or its program failed without a failed test', () => {
    expect(suiteFailures('unit', [], 0)).toHaveLength(1);
    expect(suiteFailures('unit', [result('skipped')], 0)).toHaveLength(1);
    expect(suiteFailures('unit', [result('passed')], 1)).toHaveLength(1);
    expect(suiteFailures('unit', [result('failed')], 1)).toHaveLength(0);
    expect(suiteFailures('unit', [result('passed')], 0)).toHaveLength(0);
  });

  it('are summed up with failures, the ten slowest and the totals as the last line', () => {
    const many = Array.from({ length: 12 }, (_, i) => result('passed', 100 + i, `case ${i}`));
    const text = summary([...many, result('failed', 5), result('skipped')]);
    const lines = text.split('\n');
    expect(lines.at(-1)).toBe('12 passed, 1 failed, 1 skipped');
    expect(text).toContain('      to be 2');
    expect(lines.filter((line) => / s {2}unit/.test(line))).toHaveLength(10);
    expect(text.indexOf('case 11')).toBeLessThan(text.indexOf('case 2'));
    expect(text).not.toContain('case 1\n');
  });
});
