import { describe, expect, it } from 'vitest';
import { erdosRenyi } from './er';
import { findAllocation, weightedMean, type MatrixSize } from './index';

/** A gated block: q, k, v, o, gate, up, down. */
const block = (d: number, ff: number, layer = 0): MatrixSize[] =>
  [...[1, 2, 3, 4].map(() => [d, d] as const), [ff, d] as const, [ff, d] as const, [d, ff] as const].map(
    ([rows, cols], k) => ({ name: `${layer}.${k}`, layer, rows, cols, count: rows * cols }),
  );
const counts = (matrices: readonly MatrixSize[]): number[] => matrices.map(({ count }) => count);
const sizes = (blocks: readonly MatrixSize[][]): number[] =>
  blocks.map((b) => b.reduce((sum, m) => sum + m.count, 0));

describe('erdosRenyi', () => {
  it('matches the golden vectors', () => {
    const llama = erdosRenyi(block(4096, 11008), 0.7) ?? [];
    expect(llama.map((s) => s.toFixed(4))).toEqual([
      ...new Array<string>(4).fill('0.6203'),
      ...new Array<string>(3).fill('0.7395'),
    ]);
    const small = erdosRenyi(block(64, 256), 0.5) ?? [];
    expect(small[0]).toBeCloseTo(0.3043, 4);
    expect(small[4]).toBeCloseTo(0.5652, 4);
  });

  it('leaves dense what would be denser than dense, and the rest keeps the total', () => {
    const matrices = [...block(512, 2048), { name: 'tiny', layer: 0, rows: 4, cols: 4, count: 16 }];
    const rates = erdosRenyi(matrices, 0.3) ?? [];
    expect(rates[7]).toBe(0);
    expect(Math.min(...rates.slice(0, 7))).toBeGreaterThan(0);
    const zeros = counts(matrices).reduce((sum, n) => sum + Math.floor(0.3 * n), 0);
    const asked = rates.reduce((sum, s, k) => sum + s * (matrices[k]?.count ?? 0), 0);
    expect(asked).toBeCloseTo(zeros, 6);
  });
});

describe('er, erk and er-plus', () => {
  const blocks = [0, 1, 2, 3].map((layer) => block(64, 256, layer));
  const input = { layers: 4, sizes: sizes(blocks), sparsity: 0.7, params: {}, matrices: blocks.flat() };

  it('give blocks of one shape the same mean, and matrices of different shape other rates', () => {
    for (const id of ['er', 'erk']) {
      const { layers, matrices = [] } = findAllocation(id).allocate(input);
      for (const rate of layers) expect(rate).toBeCloseTo(0.7, 4);
      expect(matrices[0]).not.toBeCloseTo(matrices[4] ?? 0, 2);
      const perBlock = findAllocation(id).allocate({ ...input, params: { per: 'block' } });
      expect(perBlock.matrices).toBeUndefined();
      expect(perBlock.layers).toEqual(layers);
    }
  });

  it('leave the last block, or the last matrix, whole', () => {
    const erPlus = findAllocation('er-plus');
    const { layers, matrices = [], fallback } = erPlus.allocate({ ...input, sparsity: 0.5 });
    expect(fallback).toBeUndefined();
    expect(layers[3]).toBe(0);
    expect(layers[0]).toBeGreaterThan(0.5);
    expect(weightedMean(matrices, counts(input.matrices))).toBeCloseTo(0.5, 4);
    const last = erPlus.allocate({ ...input, params: { erDense: 'matrix' } });
    expect(last.matrices?.[27]).toBe(0);
    expect(last.matrices?.[26]).toBeGreaterThan(0.7);
  });

  it('say so when the last block alone is too large to stay', () => {
    const result = findAllocation('er-plus').allocate({ ...input, sparsity: 0.9 });
    expect(result.fallback).toMatch(/last block alone/);
    expect(result.matrices).toEqual(erdosRenyi(input.matrices, 0.9));
  });
});
