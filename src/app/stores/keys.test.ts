import { expect, test } from 'vitest';
import { defaultSpec, type LabSpec } from '../../core/spec';
import { isUniform, uniformSpec } from './keys';

const spec = (patch: Partial<LabSpec>): LabSpec => ({ ...defaultSpec(), ...patch });

test('a tilt is compared with no tilt, another allocation with the uniform one', () => {
  expect(uniformSpec(spec({ beta: 0.02 }))).toEqual(spec({ beta: 0 }));
  expect(isUniform(spec({ beta: 0 }))).toBe(true);
  const hand = spec({ allocation: 'custom', layerSparsity: [0.2, 0.8], set: { exactBudget: true } });
  expect(isUniform(hand)).toBe(false);
  expect(uniformSpec(hand)).toEqual(spec({ allocation: 'uniform', set: { exactBudget: true } }));
  // K:M fixes every layer, whatever the allocation.
  expect(isUniform(spec({ allocation: 'custom', pattern: '2:4', sparsity: 0.5 }))).toBe(true);
});
