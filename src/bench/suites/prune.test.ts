import { expect, test } from 'vitest';
import { sameFigures } from './prune';

test('figures are the same within rounding and near-ties, zeros exactly', () => {
  const ours = { dense: 20, pruned: 30, zeros: 1000 };
  expect(sameFigures({ dense: 20.001, pruned: 30.3, zeros: 1000 }, ours)).toBe(true);
  expect(sameFigures({ ...ours, dense: 20.01 }, ours)).toBe(false);
  expect(sameFigures({ ...ours, pruned: 31 }, ours)).toBe(false);
  expect(sameFigures({ ...ours, zeros: 1001 }, ours)).toBe(false);
  expect(sameFigures({ ...ours, pruned: NaN }, ours)).toBe(false);
});
