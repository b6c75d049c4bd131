import { expect, it } from 'vitest';
import { atpRates, betaMax } from './atp';
import { mixedKeeps } from './mixed';

it('matches the golden vector', () => {
  expect(mixedKeeps(atpRates(0.75, 8, 0.03), 0.75)).toEqual([3, 3, 2, 2, 2, 2, 1, 1]);
  expect(mixedKeeps(atpRates(0.75, 8, 0), 0.75)).toEqual(new Array(8).fill(2));
});

it('never rises with depth and keeps the total while nothing is at a bound', () => {
  for (const sparsity of [0.5, 0.625, 0.75])
    for (let t = 0; t <= 20; t++) {
      const beta = ((betaMax(sparsity, 12) ?? 0) * t) / 30;
      const keeps = mixedKeeps(atpRates(sparsity, 12, beta), sparsity);
      keeps.forEach((keep, i) => expect(keep).toBeLessThanOrEqual(keeps[i - 1] ?? 8));
      if (Math.min(...keeps) > 1)
        expect(keeps.reduce((a, b) => a + b, 0)).toBe(Math.round(8 * (1 - sparsity) * 12));
    }
});

it('refuses a target of which less than 1 of 8 is left', () => {
  expect(() => mixedKeeps([0.9, 0.9], 0.9)).toThrow(/at most 0\.875|less than 1/);
});
