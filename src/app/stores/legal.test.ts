import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultSpec, type LabSpec } from '../../core/spec';
import { isLegalBeta } from '../../pruning/allocations';
import { betaLimit, betaProblem, legalize } from './legal';

const spec = (patch: Partial<LabSpec>): LabSpec => ({ ...defaultSpec(), ...patch });

describe('legalize', () => {
  it('cuts beta to the range of the new sparsity', () => {
    expect(legalize(spec({ sparsity: 0.9, beta: 0.04 }), 16).beta).toBeCloseTo(0.2 / 15, 10);
    expect(legalize(spec({ sparsity: 0.9, beta: -0.04 }), 16).beta).toBeCloseTo(-0.2 / 15, 10);
    expect(legalize(spec({ beta: 0.01 }), 16).beta).toBe(0.01);
    expect(legalize(spec({ beta: 'auto' }), 16).beta).toBe(0);
  });

  it('lets K:M decide the rate and takes beta away where it means nothing', () => {
    expect(legalize(spec({ pattern: '2:4', beta: 0.02 }), 16)).toMatchObject({ sparsity: 0.5, beta: 0 });
    expect(legalize(spec({ allocation: 'uniform', beta: 0.02 }), 16).beta).toBe(0);
    expect(legalize(spec({ beta: 0.02 }), 1).beta).toBe(0);
    expect(legalize(spec({ beta: 0.02 }), null).beta).toBe(0.02);
  });

  it('has rates by hand where they decide, and nowhere else', () => {
    const hand = { allocation: 'custom', layerSparsity: [0.1, 0.9] };
    expect(legalize(spec({ ...hand, beta: 0.1 }), 2)).toMatchObject({ ...hand, beta: 0 });
    expect(legalize(spec(hand), 3).layerSparsity).toEqual([0.7, 0.7, 0.7]);
    expect(legalize(spec({ allocation: 'custom' }), 2).layerSparsity).toEqual([0.7, 0.7]);
    expect(legalize(spec({ ...hand, pattern: '2:4' }), 2)).not.toHaveProperty('layerSparsity');
    expect(legalize(spec({ ...hand, allocation: 'atp' }), 2)).not.toHaveProperty('layerSparsity');
  });

  it('has a limit that is always legal itself', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.integer({ min: 1, max: 80 }),
        (sparsity, layers) => {
          const limit = betaLimit(spec({ sparsity }), layers);
          expect(isLegalBeta(limit, sparsity, layers)).toBe(true);
        },
      ),
    );
  });
});

describe('betaProblem', () => {
  it('names the legal range', () => {
    expect(betaProblem(spec({ beta: 0.05 }), 16)?.message).toContain('from -0.04 to 0.04');
    expect(betaProblem(spec({ beta: 0.04 }), 16)).toBeNull();
    expect(betaProblem(spec({ allocation: 'uniform', beta: 0.01 }), 16)?.message).toContain('no meaning');
    expect(betaProblem(spec({ allocation: 'uniform' }), 16)).toBeNull();
  });
});
