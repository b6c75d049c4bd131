import { expect, test } from 'vitest';
import { findAllocation } from '../pruning/allocations';
import { defaultSpec, type LabSpec } from '../core/spec';
import type { RunPlan } from './plan';
import { searchUnits } from './searchUnits';

const cost = { trial: 1000, calibration: 160, sequences: 16, layers: 4 };
const units = (id: string, params: LabSpec['set'], sparsity = 0.7): number => {
  const allocation = findAllocation(id);
  const inits = Object.fromEntries(allocation.params.map(({ name, init }) => [name, init]));
  const spec = { ...defaultSpec(), sparsity };
  return searchUnits(
    { spec, allocation, params: { ...inits, ...params }, requested: sparsity } as RunPlan,
    cost,
  );
};

test('a search costs its trials, NEURONAL two walks of each candidate over its sequences', () => {
  expect(units('bayesian', { bayesTrials: 7 })).toBe(7000);
  expect(units('dsa', { dsaExpression: 'search', dsaBudget: 3 })).toBe(3000);
  expect(units('dsa', {})).toBe(0);
  expect(units('atp', {})).toBe(0);
  expect(units('bayesian', {}, 0)).toBe(0);
  // 14 spreads of the blocks, 15 of the rows, on 8 of 16 sequences.
  expect(units('neuronal', { neuroRows: false })).toBe(14 * 2 * 4 * 80);
  expect(units('neuronal', {})).toBe((14 + 15) * 2 * 4 * 80);
});
