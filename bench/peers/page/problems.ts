/** What is computed: seeded operands in two versions of opposite sign, and single results in f64 to check against. */
import { normals } from '../../../src/ops/trial';

/** Which of the two inputs: results differ in sign, so that a run that did nothing shows. */
export type Input = 0 | 1;

interface Common {
  /** As the rows name it. */
  title: string;
  /** Floating-point operations and least bytes of one run. */
  flops: number;
  bytes: number;
  /** Values of the result. */
  count: number;
  /** One value of the result in f64, and how far rounding in f32 may be from it, in whatever order terms are added. */
  expected(index: number, input: Input): { value: number; bound: number };
}

/** y = x Wᵀ: x [m, k], w [n, k], and the same w as [k, n]; y [m, n]. */
export interface MatmulProblem extends Common {
  kind: 'matmul';
  m: number;
  n: number;
  k: number;
  x: readonly [Float32Array, Float32Array];
  w: Float32Array;
  wTransposed: Float32Array;
}

/** Causal attention: q, k, v and the result [tokens, heads * headDim]. */
export interface AttentionProblem extends Common {
  kind: 'attention';
  tokens: number;
  heads: number;
  headDim: number;
  q: Float32Array;
  k: Float32Array;
  v: readonly [Float32Array, Float32Array];
}

export type Problem = MatmulProblem | AttentionProblem;

const UNIT_ROUNDOFF = 2 ** -24;
const at = (values: Float32Array, index: number): number => values[index] ?? NaN;
const both = (values: Float32Array): readonly [Float32Array, Float32Array] => [values, values.map((v) => -v)];

export function matmulProblem(what: string, m: number, n: number, k: number): MatmulProblem {
  const x = both(normals(m * k, 1));
  const w = normals(n * k, 2);
  const wTransposed = new Float32Array(n * k);
  for (let row = 0; row < n; row++)
    for (let col = 0; col < k; col++) wTransposed[col * n + row] = at(w, row * k + col);
  return {
    kind: 'matmul',
    title: `matmul ${m}x${n}x${k} F32 (${what})`,
    ...{ m, n, k, x, w, wTransposed },
    flops: 2 * m * n * k,
    bytes: 4 * (m * k + n * k + m * n),
    count: m * n,
    expected(index, input) {
      const [row, col] = [Math.floor(index / n), index % n];
      let [value, size] = [0, 0];
      for (let i = 0; i < k; i++) {
        const term = at(x[input], row * k + i) * at(w, col * k + i);
        value += term;
        size += Math.abs(term);
      }
      // A sum of k products in any order: at most k roundings of every term.
      return { value, bound: k * UNIT_ROUNDOFF * size };
    },
  };
}

export function attentionProblem(tokens: number, heads: number, headDim: number): AttentionProblem {
  const width = heads * headDim;
  const [q, k, v] = [
    normals(tokens * width, 3),
    normals(tokens * width, 4),
    both(normals(tokens * width, 5)),
  ];
  return {
    kind: 'attention',
    title: `attention ${heads} heads of ${headDim}, ${tokens} tokens, causal`,
    ...{ tokens, heads, headDim, q, k, v },
    flops: 2 * tokens * (tokens + 1) * width,
    bytes: 4 * 4 * tokens * width,
    count: tokens * width,
    expected(index, input) {
      const [query, col] = [Math.floor(index / width), index % width];
      const head = Math.floor(col / headDim) * headDim;
      const scores = Array.from({ length: query + 1 }, (_, key) => {
        let dot = 0;
        for (let i = 0; i < headDim; i++)
          dot += at(q, query * width + head + i) * at(k, key * width + head + i);
        return dot / Math.sqrt(headDim);
      });
      const top = Math.max(...scores);
      const weights = scores.map((s) => Math.exp(s - top));
      const total = weights.reduce((a, b) => a + b, 0);
      let [value, size] = [0, 0];
      weights.forEach((weight, key) => {
        const term = (weight / total) * at(v[input], key * width + col);
        value += term;
        size += Math.abs(term);
      });
      // Rounding of a score (headDim products of size about |s| + headDim) is a relative error of its weight; the two
      // sums over the keys round at most once a key each.
      const relative = (2 * headDim * (1 + Math.abs(top)) + 2 * scores.length) * UNIT_ROUNDOFF;
      return { value, bound: relative * size };
    },
  };
}
