import { expect, it } from 'vitest';
import type { MetricSearchReport } from '../../core/metricSearch';
import { defaultSpec } from '../../core/spec';
import { firstOptions, isOf } from './searcher';

it('asks for less where the device is slow, with room for children', () => {
  expect(firstOptions(false)).toEqual({ budget: 50, population: 20, seed: 0 });
  const slow = firstOptions(true);
  expect(slow.budget).toBeLessThan(50);
  expect(slow.population).toBeLessThan(slow.budget);
});

it('a report is of its model and settings, whatever the metric and the pruner', () => {
  const set = { exactBudget: true };
  const spec = { ...defaultSpec(), beta: 0.01, set: { ...set, expression: 'sqr(W)' } };
  const report = { spec, model: { sha256: 'a' } } as unknown as MetricSearchReport;
  expect(isOf(report, { ...spec, set, pruner: 'wanda', errorsOn: 'report' }, 'a')).toBe(true);
  expect(isOf(report, spec, 'b')).toBe(false);
  expect(isOf(report, { ...spec, beta: 0.02 }, 'a')).toBe(false);
  expect(isOf(report, { ...spec, set: {} }, 'a')).toBe(false);
});
