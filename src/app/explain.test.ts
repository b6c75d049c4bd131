import { describe, expect, it } from 'vitest';
import { explain, type ExplainInput } from './explain';

const base: ExplainInput = {
  sparsity: 0.7,
  beta: 0,
  cumulative: [1, 4, 20],
  uniform: [1, 4, 20],
  perplexity: 50,
  diverged: false,
  uniformPerplexity: 50,
  losses: [3.9, 3.8, 4],
  uniformLosses: [3.9, 3.8, 4],
  best: null,
  usesBeta: true,
  isUniform: true,
};
const say = (patch: Partial<ExplainInput>): string =>
  explain({ ...base, isUniform: (patch.beta ?? 0) === 0, ...patch })
    .replaceAll('\u202f', ' ')
    .replaceAll('\u2212', '-');

describe('explain', () => {
  it('says how the error moves with depth, whichever way', () => {
    expect(say({})).toContain('at the last layer is 20.0 times the first’s');
    expect(say({ cumulative: [20, 4, 1] })).toContain('shrinks with depth');
    expect(say({ cumulative: [10, 9, 11] })).toContain('about level');
    expect(say({ cumulative: [3] })).toContain('only layer');
  });

  it('says where beta = 0 wins', () => {
    expect(say({ best: { beta: 0, ties: [0], preview: false } })).toContain('beta = 0 wins');
    expect(say({ best: { beta: 0.02, ties: [0, 0.02], preview: false } })).toContain('cannot be told from 0');
    expect(say({ best: { beta: 0.02, ties: [0.02], preview: true } })).toContain(
      'best beta measured in preview is 0.0200',
    );
    const raised = {
      beta: 0.01,
      perplexity: 60,
      losses: [4.1, 4, 4.2],
      best: { beta: 0, ties: [0], preview: false },
    };
    expect(say(raised)).toMatch(/raises perplexity by 20 %.*beta = 0 wins/);
  });

  it('compares a tilt with uniform in error and perplexity', () => {
    const better = { beta: 0.02, cumulative: [0.5, 2, 10], perplexity: 40, losses: [3.7, 3.55, 3.8] };
    expect(say(better)).toMatch(
      /^Sparing the first layers lowers the error at the last layer by 50 % and lowers perplexity by 20 %/,
    );
    const mixed = { ...better, perplexity: 60, losses: [4.1, 3.95, 4.2] };
    expect(say(mixed)).toContain(', yet raises perplexity');
    const control = { ...better, beta: -0.02, cumulative: [2, 8, 30] };
    expect(say(control)).toMatch(/^Sparing the last layers \(the control\) raises the error/);
  });

  it('speaks of an allocation without beta as of itself', () => {
    const other = { usesBeta: false, isUniform: false, cumulative: [0.5, 2, 10], perplexity: 40 };
    expect(say({ ...other, losses: [3.7, 3.55, 3.8] })).toMatch(
      /^This allocation lowers the error at the last layer by 50 % and lowers perplexity by 20 %/,
    );
  });

  it('does not claim a difference that the windows do not show', () => {
    const noisy = { beta: 0.02, cumulative: [1, 4, 19], perplexity: 49, losses: [3.2, 4.5, 3.95] };
    expect(say(noisy)).toContain('on 3 windows its perplexity cannot be told from uniform’s');
  });

  it('covers nothing pruned, nothing measured and divergence', () => {
    expect(say({ sparsity: 0 })).toContain('Nothing is pruned');
    expect(say({ cumulative: null })).toContain('as they are measured');
    expect(say({ cumulative: [1, null, null] })).toContain('as they are measured');
    expect(say({ diverged: true, perplexity: null })).toContain('no longer finite');
  });
});
