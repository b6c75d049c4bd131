/** Uncentred linear CKA between activations: how alike two sets of features over the same tokens are, in [0, 1]. */
import type { Pace } from '../pruners/define';

export interface Features {
  /** Row-major [tokens, width]. */
  values: Float32Array;
  width: number;
}

/** Above this, products of tokens are not kept. */
const KEPT_BYTES = 256 << 20;

/** Each token's features divided by their L2 norm, in place; zeros stay. */
export function unitRows({ values, width }: Features): void {
  for (let at = 0; at < values.length; at += width) {
    let sum = 0;
    for (let c = 0; c < width; c++) sum += (values[at + c] as number) ** 2;
    const scale = sum > 0 ? 1 / Math.sqrt(sum) : 0;
    for (let c = 0; c < width; c++) values[at + c] = (values[at + c] as number) * scale;
  }
}

/** Multiplications of `similarityOf` for features of these widths, and whether products of tokens are the cheaper way. */
export function similarityCost(
  widths: readonly number[],
  tokens: number,
): { products: number; byTokens: boolean } {
  const total = widths.reduce((a, b) => a + b, 0);
  const squares = widths.reduce((a, b) => a + b * b, 0);
  const features = (tokens * (total * total + squares)) / 2;
  const pairs = (tokens * tokens * (total + widths.length ** 2)) / 2;
  const byTokens = pairs < features && widths.length * tokens * tokens * 4 <= KEPT_BYTES;
  return { products: byTokens ? pairs : features, byTokens };
}

/**
 * psi_ij = ||Xi' Xj||^2 / (||Xi' Xi|| ||Xj' Xj||), Frobenius norms, [n][n]: symmetric with unit diagonal. Sums in f64,
 * over whichever is cheaper: products of features, or of tokens (||Xi' Xj||^2 = <Xi Xi', Xj Xj'>). Features that are all
 * zero resemble nothing but themselves.
 */
export async function similarityOf(features: readonly Features[], pace: Pace): Promise<number[][]> {
  const tokens = features[0] ? features[0].values.length / features[0].width : 0;
  const { byTokens } = similarityCost(
    features.map(({ width }) => width),
    tokens,
  );
  const tokenGrams = byTokens ? await Promise.all(features.map((f) => tokenGram(f, tokens, pace))) : null;
  const cross: number[][] = features.map(() => []);
  for (const [i, a] of features.entries())
    for (const [j, b] of features.entries()) {
      if (j < i) continue;
      const [ga, gb] = [tokenGrams?.[i], tokenGrams?.[j]];
      const square = ga && gb ? innerProduct(ga, gb, tokens) : await crossSquare(a, b, tokens, pace);
      (cross[i] as number[])[j] = square;
      (cross[j] as number[])[i] = square;
      await pace.breathe();
    }
  return cross.map((row, i) =>
    row.map((square, j) => {
      if (i === j) return 1;
      const norm = Math.sqrt((cross[i]?.[i] ?? 0) * (cross[j]?.[j] ?? 0));
      return norm > 0 ? Math.min(1, square / norm) : 0;
    }),
  );
}

/** Upper triangle of X X', [tokens, tokens]. */
async function tokenGram({ values, width }: Features, tokens: number, pace: Pace): Promise<Float32Array> {
  const out = new Float32Array(tokens * tokens);
  for (let s = 0; s < tokens; s++) {
    for (let t = s; t < tokens; t++) {
      let sum = 0;
      for (let a = s * width, b = t * width, end = a + width; a < end; a++, b++)
        sum += (values[a] as number) * (values[b] as number);
      out[s * tokens + t] = sum;
    }
    await pace.breathe();
  }
  return out;
}

function innerProduct(a: Float32Array, b: Float32Array, tokens: number): number {
  let diagonal = 0;
  let upper = 0;
  for (let s = 0; s < tokens; s++) {
    const row = s * tokens;
    diagonal += (a[row + s] as number) * (b[row + s] as number);
    for (let t = s + 1; t < tokens; t++) upper += (a[row + t] as number) * (b[row + t] as number);
  }
  return diagonal + 2 * upper;
}

/** ||Xa' Xb||^2. */
async function crossSquare(a: Features, b: Features, tokens: number, pace: Pace): Promise<number> {
  const product = new Float64Array(a.width * b.width);
  for (let t = 0; t < tokens; t++) {
    for (let i = 0; i < a.width; i++) {
      const x = a.values[t * a.width + i] as number;
      for (let at = i * b.width, c = t * b.width, end = at + b.width; at < end; at++, c++)
        product[at] = (product[at] as number) + x * (b.values[c] as number);
    }
    await pace.breathe();
  }
  let sum = 0;
  for (const value of product) sum += value * value;
  return sum;
}
