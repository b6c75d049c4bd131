import { expect, test } from 'vitest';
import { describeFound, type FoundPruning } from './foundPruning';
import { defaultSpec } from './spec';

const found = (change: Partial<FoundPruning>): FoundPruning => ({
  achieved: 0.5,
  layers: [0.5, 0.5],
  pattern: null,
  record: null,
  ...change,
});
const model = { name: 'base', architecture: '', layers: 2, hidden: 1, parameters: 1, prunable: 1, dtype: 'F32', sha256: '' }; // prettier-ignore
const report = { id: 'a', version: '1', spec: defaultSpec(), model };

test('a dense model, with the odd zero, is not called pruned', () => {
  expect(describeFound(found({ achieved: 0 }))).toBe(null);
  expect(describeFound(found({ achieved: 0.004 }))).toBe(null);
});

test('zeros, their range and groups are said, and what follows', () => {
  expect(describeFound(found({}))).toMatch(/^50\.0 % of the prunable weights are zero already\. These/);
  expect(describeFound(found({ layers: [0.4, 0.6] }))).toContain('(layers from 40.0 % to 60.0 %)');
  expect(describeFound(found({ pattern: '2:4' }))).toContain(', 2:4 in every group.');
});

test('an export is named, and one whose weights were changed since', () => {
  expect(describeFound(found({ record: { report, matches: true } }))).toMatch(/made from base\).*match/);
  expect(describeFound(found({ achieved: 0, record: { report, matches: false } }))).toMatch(/not those/);
});
