import { describe, expect, test } from 'vitest';
import { LabError } from '../../core/errors';
import { llmPruner } from './llm-pruner';

describe('range of layers', () => {
  const range = (firstLayer: number, lastLayer: number, layers = 32): unknown =>
    llmPruner.range?.({ firstLayer, lastLayer }, layers);
  test('all layers, or those between two', () => {
    expect(range(0, -1)).toEqual({ first: 0, last: 31 });
    expect(range(4, 29)).toEqual({ first: 4, last: 29 });
  });
  test('what the model has not is refused', () => {
    for (const [first, last] of [
      [5, 4],
      [0, 32],
      [0.5, 3],
      [32, -1],
    ] as const)
      expect(() => range(first, last)).toThrow(LabError);
  });
});
