import { describe, expect, test } from 'vitest';
import type { TaskRecord, TaskScore, ZeroShotRecord } from './zeroshot';
import { marginText, recordVerdict, shareText, taskVerdict } from './zeroshotWords';

const score = (change: Partial<TaskScore> = {}): TaskScore => ({
  acc: { mean: 0.5, stderr: 0.05 },
  accNorm: null,
  margin: { mean: -0.25, stderr: 0.1 },
  marginNorm: null,
  chanceP: 0.8,
  chosen: [40, 60],
  diverged: 0,
  ...change,
});
const task = (change: Partial<TaskRecord> = {}): TaskRecord => ({
  task: 'boolq',
  title: 'BoolQ',
  source: 'f',
  sha256: '',
  documents: 100,
  scored: 100,
  metric: 'acc',
  chance: 0.5,
  constant: { options: ['no', 'yes'], accuracy: 0.62 },
  tokens: 1,
  truncated: 0,
  dense: score(),
  ...change,
});

describe('verdicts', () => {
  test('chance, better, worse, collapsed, diverged', () => {
    const of = (change: Partial<TaskScore>): string => taskVerdict(task({ dense: score(change) })).join(' ');
    expect(of({})).toBe(
      'The dense model is right in 50.0 ± 5.0 % of 100 items; guessing gives 50.0 %: not distinguishable from chance (p = 0.80), so read the margin instead. Its margin is −0.250 ± 0.100 nats.',
    );
    expect(of({ acc: { mean: 0.7, stderr: 0.04 }, chanceP: 0.0001 })).toMatch(/: better than chance \(p < 0\.001\)\. Its/); // prettier-ignore
    expect(of({ acc: { mean: 0.61, stderr: 0.04 }, chanceP: 0.03 })).toMatch(/better than chance \(p = 0\.030\), but no better than always giving the more frequent answer \(62\.0 %\)/); // prettier-ignore
    expect(of({ acc: { mean: 0.3, stderr: 0.04 }, chanceP: 0.001 })).toMatch(/worse than chance/);
    expect(of({ acc: { mean: 0.38, stderr: 0.04 }, chanceP: 0.001, chosen: [100, 0] })).toMatch(/it always answers "no"/); // prettier-ignore
    expect(of({ diverged: 3, margin: null })).toMatch(
      /no finite log-likelihood in 3 of 100 items: it diverged/,
    );
  });

  test('pruned against dense', () => {
    const margin = { mean: -0.5, low: -0.7, high: -0.3, distinguishable: true };
    const of = (p: number, difference: number, other: Partial<typeof margin> = {}): string =>
      taskVerdict(
        task({
          pruned: score(),
          paired: { difference, lost: 12, gained: 2, p, margin: { ...margin, ...other } },
        }),
      )[2] ?? '';
    expect(of(0.01, -0.1)).toBe(
      'Pruning loses 12 right answers and gains 2 (−10.0 points, McNemar p = 0.010): it makes the model worse at this task. The margin falls by 0.500 (95 % interval −0.700 to −0.300) nats.',
    );
    expect(of(0.4, -0.02, { mean: 0.1, low: -0.1, high: 0.3, distinguishable: false })).toMatch(
      /: no difference that these items can show\. The margin changes by \+0\.100, which is not distinguishable from none/,
    );
  });

  test('the modes and the limit are said', () => {
    const record = { mode: 'paper', limit: 50, shuffleSeed: 42, mean: { dense: 0.5, pruned: 0.4 } };
    const words = recordVerdict({ ...record, tokenizerAddsSpecials: true } as ZeroShotRecord).join(' ');
    expect(words).toMatch(/50\.0 % dense and 40\.0 % pruned.*are left out.*At most 50 items/);
    expect(recordVerdict({ ...record, tokenizerAddsSpecials: false } as ZeroShotRecord)[1]).toMatch(
      /both modes/,
    );
  });

  test('figures without a spread', () => {
    expect(shareText({ mean: 1, stderr: null })).toBe('100.0 %');
    expect(marginText(null)).toBe('diverged');
  });
});
