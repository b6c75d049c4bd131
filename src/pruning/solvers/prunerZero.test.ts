import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LabError } from '../../core/errors';
import { Rng } from '../../core/rng';
import { matrixJob, prunedOf, statisticsOf } from '../../testing/matrixJob';
import { findPruner } from '../pruners';
import { depthOf, parseExpression, printExpression, PUBLISHED, uses } from './expressions';
import { evaluate } from './expressionValues';
import { prune } from './prunerZero';

const pace = { breathe: () => Promise.resolve() };
const W = Float32Array.of(0.5, -0.2, 0.1, 0.9);
const G = Float32Array.of(1, 3, 2, 5);
const value = async (text: string, values = { W, G, X: Float32Array.of(2, 3) }): Promise<number[]> =>
  Array.from(await evaluate(parseExpression(text), { cols: 2, values }, pace));

const [rows, cols] = [13, 48];
const rng = new Rng(9);
const weights = Float32Array.from({ length: rows * cols }, () => rng.normal());
const gradient = Float32Array.from({ length: rows * cols }, () => Math.round(1000 * rng.float()) / 1024);
const base = { rows, cols, weights, statistics: { sequences: 2, tokens: 64, gradient } };
const job = (expression: string, more: Partial<Parameters<typeof matrixJob>[0]> = {}) =>
  matrixJob({ ...base, params: { expression }, ...more });
const prunedBy = async (
  expression: string,
  more: Partial<Parameters<typeof matrixJob>[0]> = {},
): Promise<number[]> => prunedOf((await prune(job(expression, more))).kept, rows, cols);

describe('the language', () => {
  test('reads what it prints, whatever the spaces', () => {
    const e = parseExpression(' div( exp(neg(W)) , sub(zscore(G),X) ) ');
    expect(printExpression(e)).toBe('div(exp(neg(W)),sub(zscore(G),X))');
    expect(parseExpression(printExpression(e))).toEqual(e);
    expect(depthOf(e)).toBe(3);
    expect(depthOf(parseExpression(PUBLISHED))).toBe(3);
    expect([uses(e, 'X'), uses(parseExpression(PUBLISHED), 'X')]).toEqual([true, false]);
  });

  test.each<[string, RegExp]>([
    ['', /a name is missing at character 1/],
    ['W G', /"G" is left over at character 3/],
    ['mul(W)', /"," is missing at character 6/],
    ['abs(W,G)', /"\)" is missing at character 6/],
    ['abs(Y)', /"Y" is unknown at character 5/],
    ['w', /"w" is unknown/],
    ['abs(', /a name is missing at character 5/],
    ['neg('.repeat(13) + 'W' + ')'.repeat(13), /more than 12 levels/],
    ['W'.repeat(1001), /more than 1000 characters/],
  ])('%# is refused with its place', (text, message) => {
    expect(() => parseExpression(text)).toThrow(message);
    expect(() => parseExpression(text)).toThrow(LabError);
  });

  test('every operation', async () => {
    const close = async (text: string, want: number[]): Promise<void> => {
      const got = await value(text);
      want.forEach((x, i) => expect(got[i]).toBeCloseTo(x, 6));
    };
    await close('W', [0.5, 0.2, 0.1, 0.9]);
    await close('X', [2, 3, 2, 3]);
    await close('sqr(G)', [1, 9, 4, 25]);
    await close('pow2(G)', [1, 9, 4, 25]);
    await close('neg(G)', [-1, -3, -2, -5]);
    await close('abs(neg(G))', [1, 3, 2, 5]);
    await close(
      'log(neg(G))',
      [1, 3, 2, 5].map((x) => Math.log(x + 1e-3)),
    );
    await close('exp(G)', [1, 3, 2, 5].map(Math.exp));
    await close('sqrt(neg(G))', [1, 3, 2, 5].map(Math.sqrt));
    await close('tanh(W)', [0.5, 0.2, 0.1, 0.9].map(Math.tanh));
    await close('skip(G)', [1, 3, 2, 5]);
    await close('minmax(G)', [0, 0.5, 0.25, 1]);
    const deviation = Math.sqrt(8.75 / 3);
    await close(
      'zscore(G)',
      [-1.75, 0.25, -0.75, 2.25].map((x) => x / deviation),
    );
    await close('add(W,G)', [1.5, 3.2, 2.1, 5.9]);
    await close('sub(W,G)', [-0.5, -2.8, -1.9, -4.1]);
    await close('mul(G,X)', [2, 9, 4, 15]);
    await close(
      'div(G,W)',
      [1, 3, 2, 5].map((x) => x / Math.sqrt(1.11)),
    );
    // Of e^8 and more; 100 is the most.
    expect((await value('exp(sqr(sqr(exp(G))))')).slice(1)).toEqual([1, 1, 1].map(() => Math.exp(100)));
    expect(await value('minmax(sub(W,W))')).toEqual([0, 0, 0, 0]);
    expect(await value('zscore(sub(W,W))')).toEqual([0, 0, 0, 0]);
  });

  test('the published metric on the golden example', async () => {
    const got = await value(PUBLISHED);
    [0, 0.02, 0.0025, 0.81].forEach((x, i) => expect(got[i]).toBeCloseTo(x, 7));
    expect(await value('mul(abs(sqr(W)),minmax(G))')).toEqual(got);
  });
});

describe('pruner-zero', () => {
  test('asks for what its metric uses', () => {
    const pruner = findPruner('pruner-zero');
    expect(pruner.statistics({ expression: PUBLISHED })).toEqual(['gradient']);
    expect(pruner.statistics({ expression: 'mul(W,sqrt(X))' })).toEqual(['norm']);
    expect(pruner.statistics({ expression: 'W' })).toEqual([]);
    const [param] = pruner.params;
    expect(param?.problem?.('mul(W,G)')).toBeNull();
    expect(param?.problem?.('mul(W')).toMatch(/"," is missing/);
  });

  test('rows lose the lowest of |W|^2 minmax(G), the lower column first among ties', async () => {
    const low = Math.min(...gradient);
    const score = (i: number): number => (weights[i] ?? NaN) ** 2 * ((gradient[i] ?? NaN) - low);
    const want: number[] = [];
    for (let r = 0; r < rows; r++) {
      const order = Array.from({ length: cols }, (_, c) => r * cols + c);
      order.sort((a, b) => score(a) - score(b) || a - b);
      want.push(...order.slice(0, Math.trunc(cols * 0.6)));
    }
    expect(await prunedBy(PUBLISHED, { rate: 0.6 })).toEqual(want.sort((a, b) => a - b));
  });

  test('a constant added to the gradient changes nothing', async () => {
    const statistics = { ...base.statistics, gradient: gradient.map((g) => g + 3) };
    expect(await prunedBy(PUBLISHED, { statistics })).toEqual(await prunedBy(PUBLISHED));
  });

  test('sqrt(X) times W is Wanda, up to near-ties', async () => {
    const inputs = Float64Array.from({ length: 64 * cols }, () => rng.normal());
    const statistics = statisticsOf(inputs, cols, 2);
    const wanda = await findPruner('dsnot').choose({ maxCycles: 0 })?.();
    const mask = await wanda?.(
      matrixJob({
        ...base,
        statistics,
        params: { initial: 'wanda', maxCycles: 0, threshold: 0.1, skipMlp: false, withoutSameSign: true },
      }),
    );
    const same = await prunedBy('mul(W,sqrt(X))', { statistics });
    expect(same).toEqual(prunedOf(mask?.kept ?? new Uint32Array(), rows, cols));
  });

  test('negative and huge scores keep their order; NaN stays', async () => {
    const plain = await prunedBy('G');
    expect(await prunedBy('sub(G,add(W,W))')).not.toEqual(plain);
    // The same order in other numbers: shifted below 0, and beyond f32.
    expect(await prunedBy('zscore(G)')).toEqual(plain);
    expect(await prunedBy('exp(mul(G,exp(sub(exp(exp(sub(W,W))),sub(W,W)))))')).toEqual(plain);
    const even = await prunedBy('neg(sub(W,W))');
    expect(even).toEqual(Array.from({ length: rows * cols }, (_, i) => i).filter((i) => i % cols < cols / 2));
    const broken = weights.map((w, i) => (i === 5 ? NaN : w));
    for (const metric of ['sqr(W)', 'sub(W,G)'])
      expect(await prunedBy(metric, { weights: broken, rate: 0.9 })).not.toContain(5);
  });

  test('a gradient of zeros leaves the squares of the weights, with a warning', async () => {
    const zero = job(PUBLISHED, {
      statistics: { ...base.statistics, gradient: new Float32Array(rows * cols) },
    });
    expect((await prune(zero)).kept).toEqual((await prune(job('sqr(W)'))).kept);
    expect(zero.warnings.join()).toMatch(/gradient is zero everywhere/);
    expect(job('sqr(W)').warnings).toEqual([]);
  });

  test('patterns, exact budgets and zeros by row', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(PUBLISHED, 'sub(W,G)'),
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        async (metric, rate) => {
          expect(await prunedBy(metric, { rate })).toHaveLength(rows * Math.trunc(cols * rate));
          expect(await prunedBy(metric, { rate, exactBudget: true })).toHaveLength(
            Math.floor(rows * cols * rate),
          );
        },
      ),
      { numRuns: 12 },
    );
    const rowZeros = Uint32Array.from({ length: rows }, (_, r) => r);
    const byRow = await prunedBy(PUBLISHED, { rowZeros });
    rowZeros.forEach((n, r) => expect(byRow.filter((i) => Math.floor(i / cols) === r)).toHaveLength(n));
    for (const metric of [PUBLISHED, 'sub(W,G)']) {
      const grouped = await prunedBy(metric, { pattern: { keep: 1, group: 4 }, rate: 0.75 });
      for (let first = 0; first < rows * cols; first += 4)
        expect(grouped.filter((i) => i >= first && i < first + 4)).toHaveLength(3);
    }
  });
});
