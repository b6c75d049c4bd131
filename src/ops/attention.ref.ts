/** f64 reference of causal grouped-query attention with an optional sliding window and soft cap, straight from its definition. */
export interface AttentionShape {
  batch: number;
  queries: number;
  keys: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  positionBegin: number;
  scale: number;
  kvStride?: number;
  window?: number;
  softcap?: number;
}

export interface AttentionRef {
  values: Float64Array;
  /** Largest |v| seen by each output, and Σ|q||k| * scale of its largest score: what its rounding scales with. */
  magnitudes: Float64Array;
  scoreMagnitudes: Float64Array;
}

export function attentionRef(
  q: ArrayLike<number>,
  k: ArrayLike<number>,
  v: ArrayLike<number>,
  s: AttentionShape,
): AttentionRef {
  const { batch, queries, keys, heads, kvHeads, headDim, positionBegin, scale, window, softcap } = s;
  const kvStride = s.kvStride ?? keys;
  const size = batch * queries * heads * headDim;
  const values = new Float64Array(size);
  const magnitudes = new Float64Array(size);
  const scoreMagnitudes = new Float64Array(size);
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      const kvHead = Math.floor(h / (heads / kvHeads));
      const kvAt = (key: number): number => ((b * kvStride + key) * kvHeads + kvHead) * headDim;
      for (let i = 0; i < queries; i++) {
        const at = ((b * queries + i) * heads + h) * headDim;
        const position = positionBegin + i;
        const seen = Array.from({ length: keys }, (_, key) => key).filter(
          (key) => key <= position && (!window || position - key < window),
        );
        let size = 0;
        const scores = seen.map((key) => {
          let sum = 0;
          let magnitude = 0;
          for (let d = 0; d < headDim; d++) {
            const product = Number(q[at + d]) * Number(k[kvAt(key) + d]) * scale;
            sum += product;
            magnitude += Math.abs(product);
          }
          size = Math.max(size, magnitude);
          return softcap ? softcap * Math.tanh(sum / softcap) : sum;
        });
        const highest = Math.max(...scores);
        const weights = scores.map((x) => Math.exp(x - highest));
        const total = weights.reduce((a, x) => a + x, 0);
        for (let d = 0; d < headDim; d++) {
          let sum = 0;
          let magnitude = 0;
          weights.forEach((w, n) => {
            const value = Number(v[kvAt(seen[n] ?? 0) + d]);
            sum += (w / total) * value;
            magnitude = Math.max(magnitude, Math.abs(value));
          });
          values[at + d] = sum;
          magnitudes[at + d] = magnitude;
          scoreMagnitudes[at + d] = size;
        }
      }
    }
  }
  return { values, magnitudes, scoreMagnitudes };
}
