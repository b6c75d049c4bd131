import { describe, expect, it } from 'vitest';
import { Rng } from '../../core/rng';
import { evaluate, formatExpression, parseExpression, POST_OPS, PRE_OPS, PUBLISHED, REDUCE_OPS } from './expression'; // prettier-ignore
import { outlierPercentage } from './outliers';
import { similarityCost, similarityOf, unitRows } from './similarity';
import { fitTail } from './tail';
import { globalThreshold, lampScores } from './threshold';

const pace = { breathe: () => Promise.resolve() };
const normals = (n: number, seed = 0): Float32Array => {
  const rng = new Rng(seed, 'measures');
  return Float32Array.from({ length: n }, () => rng.normal());
};

describe('outlierPercentage', () => {
  it('counts what lies strictly above M times the mean', () => {
    expect(outlierPercentage(Float32Array.of(1, 1, 1, 1, 6), 3)).toBe(0);
    expect(outlierPercentage(Float32Array.of(1, 1, 1, 1, 6), 2.9)).toBe(20);
  });
});

describe('expression', () => {
  it('reads what it writes, and the published form', () => {
    expect(parseExpression('W:(ABSLOG)-(VAR)-(ATAN,ASIN)-(7)')).toEqual(PUBLISHED);
    expect(parseExpression(formatExpression(PUBLISHED))).toEqual(PUBLISHED);
    expect(() => parseExpression('(ABS)-(VAR)')).toThrow(/not an expression/);
    expect(() => parseExpression('(ABS)-(NOPE)-(SIN)')).toThrow(/"NOPE"/);
  });

  it('has the variance pi^2 / 8 for logarithms of Gaussian magnitudes', () => {
    const value = evaluate({ pre: ['ABSLOG'], reduce: 'VAR', post: [] }, normals(200_000));
    expect(value).toBeCloseTo(Math.PI ** 2 / 8, 1);
  });

  it('counts exact zeros as logarithm 0, NaN as 0 and infinity as -1', () => {
    expect(evaluate({ pre: ['ABSLOG'], reduce: 'MEAN', post: [] }, [0, Math.E ** 2])).toBeCloseTo(1, 12);
    expect(evaluate({ pre: [], reduce: 'MEAN', post: ['ASIN'] }, [2, 2])).toBe(0);
    expect(evaluate({ pre: [], reduce: 'MEAN', post: ['EXP'] }, [1e4, 1e4])).toBe(-1);
    expect(evaluate({ pre: ['NORMALIZE'], reduce: 'STD', post: [] }, [3, 3, 3])).toBe(0);
  });

  it('is a finite number for every combination of operations', () => {
    const scores = normals(64, 3).map(Math.abs);
    for (const pre of PRE_OPS)
      for (const reduce of REDUCE_OPS)
        for (const post of POST_OPS)
          expect(Number.isFinite(evaluate({ pre: [pre], reduce, post: [post] }, scores))).toBe(true);
  });
});

describe('fitTail', () => {
  const spectrum = Float64Array.of(0.1, 0.2, 0.3, 0.5, 0.8, 1.3, 2.1, 3.4, 5.5, 8.9);

  it('matches the golden vectors', () => {
    const peak = fitTail(spectrum, { tail: 'peak', asIntended: false });
    expect(peak?.begin).toBe(0);
    expect(peak?.alpha).toBeCloseTo(1.432667, 6);
    expect(peak?.distance).toBeCloseTo(0.2016, 6);
    expect(fitTail(spectrum.subarray(1), { tail: 'peak', asIntended: false })?.alpha).toBeCloseTo(
      1.533361,
      6,
    );
    const middle = fitTail(spectrum, { tail: 'middle', asIntended: false });
    expect(middle?.begin).toBe(5);
    expect(middle?.alpha).toBeCloseTo(2.040138, 6);
  });

  it('finds the exponent of a power law', () => {
    const rng = new Rng(5, 'tail');
    const alpha = 2.5;
    const lam = Float64Array.from({ length: 4000 }, () => (1 - rng.float()) ** (-1 / (alpha - 1))).sort();
    for (const asIntended of [false, true])
      expect(fitTail(lam, { tail: 'peak', asIntended })?.alpha).toBeCloseTo(alpha, 0);
  });

  it('drops zeros and gives up where nothing is left', () => {
    expect(fitTail(Float64Array.of(0, 0, 1e-6, ...spectrum), { tail: 'peak', asIntended: false })).toEqual(
      fitTail(spectrum, { tail: 'peak', asIntended: false }),
    );
    expect(fitTail(Float64Array.of(0, 0, 0), { tail: 'peak', asIntended: false })).toBeNull();
    expect(fitTail(Float64Array.of(2, 2, 2), { tail: 'middle', asIntended: false })).toBeNull();
  });
});

describe('globalThreshold', () => {
  it('equals sorting everything', async () => {
    const matrices = [normals(500, 1), normals(900, 2), normals(70, 3)].map((m) =>
      m.map((w) => Math.abs(Math.round(w * 50) / 50)),
    );
    const all = matrices.flatMap((m) => [...m]).sort((a, b) => a - b);
    for (const m of [0, 1, 300, 735, 1469]) {
      const { value, below, equal } = await globalThreshold(3, (k) => Promise.resolve(matrices[k] as Float32Array), m);
      expect(value).toBe(all[m]);
      expect(below).toEqual(matrices.map((own) => own.filter((score) => score < value).length));
      expect(equal).toEqual(matrices.map((own) => own.filter((score) => score === value).length));
    }
    const beyond = await globalThreshold(3, (k) => Promise.resolve(matrices[k] as Float32Array), 1470);
    expect(beyond.below).toEqual([500, 900, 70]);
  }); // prettier-ignore
});

describe('lampScores', () => {
  it('matches the golden vector', () => {
    const scores = lampScores(Float32Array.of(-3, 1, 4, -2));
    [0.033333, 0.137931, 0.36, 1].forEach((want, i) => expect(scores[i]).toBeCloseTo(want, 6));
  });
});

describe('similarityOf', () => {
  const features = (tokens: number, width: number, seed: number): { values: Float32Array; width: number } => ({
    values: normals(tokens * width, seed),
    width,
  }); // prettier-ignore

  it('is symmetric, in [0, 1], 1 for features that are rotations of each other', async () => {
    const a = features(200, 6, 1);
    const rotated = { width: 6, values: a.values.map((_, i) => (i % 6 < 5 ? (a.values[i + 1] ?? 0) : -(a.values[i - 5] ?? 0))) }; // prettier-ignore
    const psi = await similarityOf([a, rotated, features(200, 9, 2)], pace);
    expect(psi[0]?.[1]).toBeCloseTo(1, 6);
    psi.forEach((row, i) => {
      expect(row[i]).toBe(1);
      row.forEach((value, j) => {
        expect(value).toBe(psi[j]?.[i]);
        expect(value).toBeGreaterThanOrEqual(0);
        expect(value).toBeLessThanOrEqual(1);
      });
    });
  });

  it('gives the same over tokens as over features', async () => {
    // 12 tokens of 40 features go by tokens; the definition is computed here.
    const [a, b] = [features(12, 40, 3), features(12, 40, 4)] as const;
    const square = (x: typeof a, y: typeof a): number => {
      let sum = 0;
      for (let i = 0; i < 40; i++)
        for (let j = 0; j < 40; j++) {
          let dot = 0;
          for (let t = 0; t < 12; t++) dot += (x.values[t * 40 + i] ?? 0) * (y.values[t * 40 + j] ?? 0);
          sum += dot * dot;
        }
      return sum;
    };
    const psi = await similarityOf([a, b], pace);
    expect(psi[0]?.[1]).toBeCloseTo(square(a, b) / Math.sqrt(square(a, a) * square(b, b)), 6);
  });

  it('costs what the cheaper way multiplies: all pairs of features, or all pairs of tokens', () => {
    // 3 pairs of 40 x 40 products over 200 tokens; 12 x 12 / 2 products of 40 for each, and of one for each of 4 pairs.
    expect(similarityCost([40, 40], 200)).toEqual({ products: 200 * 3 * 40 * 40, byTokens: false });
    expect(similarityCost([40, 40], 12)).toEqual({ products: 72 * (80 + 4), byTokens: true });
    // Products of so many tokens would not fit.
    expect(similarityCost([20000, 20000], 9000).byTokens).toBe(false);
  });

  it('unitRows leaves every token with norm 1', () => {
    const f = { values: Float32Array.of(3, 4, 0, 0, 1, 0), width: 2 };
    unitRows(f);
    [0.6, 0.8, 0, 0, 1, 0].forEach((want, i) => expect(f.values[i]).toBeCloseTo(want, 7));
  });
});
