import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultSpec, type LabSpec } from '../../core/spec';
import { isLegalBeta } from '../../pruning/allocations';
import { betaLimit, betaProblem, legalize, sweepGrid, tiltedRates } from './legal';

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

describe('mixed N:8', () => {
  const mixed = { pattern: 'mixed:8', sparsity: 0.5 };

  it('leaves beta and sparsity open, up to one of eight kept', () => {
    expect(legalize(spec({ ...mixed, beta: 0.2 }), 2)).toMatchObject({ ...mixed, beta: 0.2 });
    expect(legalize(spec({ ...mixed, sparsity: 0.99 }), 2).sparsity).toBe(0.875);
    expect(legalize(spec({ ...mixed, allocation: 'owl' }), 2).pattern).toBe('free');
  });

  it('asks whole eighths of each layer', () => {
    expect(tiltedRates(spec({ ...mixed, beta: 0.2 }), 2)).toEqual([0.375, 0.625]);
  });

  it('sweeps each vector of whole numbers once, 0 always', () => {
    const betas = sweepGrid(spec(mixed), 4, true);
    const vectors = betas.map((beta) => tiltedRates(spec({ ...mixed, beta }), 4).join(' '));
    expect(new Set(vectors).size).toBe(vectors.length);
    expect(betas).toContain(0);
    expect(betas[0]).toBeLessThan(0);
  });
});

describe('a range of layers', () => {
  const ranged = (set: LabSpec['set'], beta = 0): LabSpec => spec({ pruner: 'llm-pruner', sparsity: 0.4, set, beta }); // prettier-ignore

  it('is what beta tilts; the other layers keep all', () => {
    const set = { firstLayer: 1, lastLayer: 3 };
    expect(betaLimit(ranged(set), 4)).toBeCloseTo(0.4, 12);
    expect(betaLimit(ranged({}), 4)).toBeCloseTo(0.8 / 3, 12);
    expect(betaProblem(ranged(set, 0.41), 4)?.message).toContain('with 3 layers');
    tiltedRates(ranged(set, 0.1), 4).forEach((rate, i) => expect(rate).toBeCloseTo([0, 0.3, 0.4, 0.5][i] ?? 1, 12)); // prettier-ignore
    expect(betaLimit(ranged({ firstLayer: 3 }), 4)).toBe(0);
    // What is no range of this model is said by the run.
    expect(betaLimit(ranged({ firstLayer: 9 }), 4)).toBe(betaLimit(ranged({}), 4));
  });
});
