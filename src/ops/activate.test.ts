import { describe, expect, test } from 'vitest';
import gelu from '../../shaders/lib/activation_gelu.wgsl?raw';
import { normalTail } from './activate.ref';
import { EPS } from './tolerances';

describe('gelu without erf', () => {
  test('the reference has the known values of the normal distribution', () => {
    const known: [number, number][] = [
      [0, 0.5],
      [0.5, 0.3085375387259869],
      [1, 0.15865525393145705],
      [1.999, 0.02280417693265889],
      [2, 0.02275013194817921],
      [5, 2.866515718791939e-7],
      [10, 7.619853024160525e-24],
      [14, 7.7935368191928e-45],
    ];
    for (const [a, want] of known) expect(Math.abs(normalTail(a) / want - 1)).toBeLessThan(1e-12);
  });

  test('the quotient in the kernel is within a fifth of a rounding on all of [0, 14.5], and cannot cancel', () => {
    const coefficients = (name: string): number[] => {
      const line = new RegExp(`let ${name} = (?<terms>.*);`).exec(gelu)?.groups?.terms ?? '';
      return [...line.matchAll(/[\d.]+/g)].map(Number);
    };
    const [p, q] = [coefficients('p'), coefficients('q')];
    expect([p.length, q.length]).toEqual([5, 6]);
    expect([...p, ...q].every((c) => c > 0)).toBe(true);
    const at = (list: number[], a: number): number => list.reduceRight((sum, c) => sum * a + c, 0);
    let worst = 0;
    for (let a = 0; a <= 14.5; a += 1 / 512) {
      const want = normalTail(a) * Math.exp((a * a) / 2);
      worst = Math.max(worst, Math.abs(at(p, a) / at(q, a) / want - 1));
    }
    expect(worst).toBeLessThan(EPS / 5);
  });
});
