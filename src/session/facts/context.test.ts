import { expect, test } from 'vitest';
import { divergedWarnings } from './context';

test('inputs that are not finite are said with the first layer that has them', () => {
  const fine = { attention: Float32Array.of(1, 2), mlp: Float32Array.of(0) };
  expect(divergedWarnings([])).toEqual([]);
  expect(divergedWarnings([fine, fine])).toEqual([]);
  for (const bad of [NaN, Infinity]) {
    const [warning, ...more] = divergedWarnings([fine, { ...fine, mlp: Float32Array.of(1, bad) }, fine]);
    expect(warning).toContain('not finite from layer 2 on');
    expect(more).toEqual([]);
  }
});
