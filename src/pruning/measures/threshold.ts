/** One threshold over the scores of many matrices, of which only one is in memory at a time. */

const BUCKETS = 1 << 16;

export interface Threshold {
  /** The m-th score (0-based) of all in ascending order; NaN where m is their number or more. */
  value: number;
  /** Scores below it, by matrix. */
  below: number[];
  /** Scores equal to it, by matrix. */
  equal: number[];
}

/**
 * Scores are >= 0, not NaN. `scoresOf(k)` is asked twice for every matrix: first all scores go into buckets by the upper
 * half of their f32 bits, then the scores of the bucket that holds the m-th are sorted.
 */
export async function globalThreshold(
  matrices: number,
  scoresOf: (k: number) => Promise<Float32Array | Float64Array>,
  m: number,
): Promise<Threshold> {
  const totals = new Float64Array(BUCKETS);
  const counts: Uint32Array[] = [];
  const sizes: number[] = [];
  const bucketOf = bucketizer();
  for (let k = 0; k < matrices; k++) {
    const scores = await scoresOf(k);
    const own = new Uint32Array(BUCKETS);
    for (let i = 0; i < scores.length; i++) {
      const b = bucketOf(scores[i] as number);
      own[b] = (own[b] as number) + 1;
    }
    for (let b = 0; b < BUCKETS; b++) totals[b] = (totals[b] as number) + (own[b] as number);
    counts.push(own);
    sizes.push(scores.length);
  }
  let bucket = 0;
  let before = 0;
  while (bucket < BUCKETS && before + (totals[bucket] as number) <= m) before += totals[bucket++] as number;
  if (bucket === BUCKETS) return { value: NaN, below: sizes, equal: sizes.map(() => 0) };

  const inside: Float64Array[] = [];
  for (let k = 0; k < matrices; k++) {
    const scores = await scoresOf(k);
    const own = new Float64Array(counts[k]?.[bucket] ?? 0);
    let at = 0;
    for (let i = 0; i < scores.length; i++) {
      const score = scores[i] as number;
      if (bucketOf(score) === bucket) own[at++] = score;
    }
    inside.push(own);
  }
  const sorted = new Float64Array(totals[bucket] as number);
  let at = 0;
  for (const own of inside) {
    sorted.set(own, at);
    at += own.length;
  }
  sorted.sort();
  const value = sorted[m - before] as number;
  const below = inside.map((own, k) => {
    let sum = 0;
    for (let b = 0; b < bucket; b++) sum += counts[k]?.[b] ?? 0;
    for (const score of own) if (score < value) sum++;
    return sum;
  });
  const equal = inside.map((own) => own.reduce((sum, score) => sum + (score === value ? 1 : 0), 0));
  return { value, below, equal };
}

/** Ascending with the score, since rounding to f32 is. */
function bucketizer(): (score: number) => number {
  const float = new Float32Array(1);
  const bits = new Uint32Array(float.buffer);
  return (score) => {
    float[0] = score;
    return (bits[0] as number) >>> 16;
  };
}

/** LAMP scores of a matrix in ascending order of |w|: w^2 over the sum of all squares that come at it or after it. */
export function lampScores(weights: Float32Array): Float64Array {
  const sorted = weights.map(Math.abs).sort();
  const scores = new Float64Array(sorted.length);
  let sum = 0;
  for (let u = sorted.length - 1; u >= 0; u--) {
    const square = (sorted[u] as number) ** 2;
    sum += square;
    scores[u] = sum > 0 ? square / sum : 0;
  }
  return scores;
}
