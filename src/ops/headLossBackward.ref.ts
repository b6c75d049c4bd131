/** f64 reference of the gradient of factor * (sum of the losses) with respect to x, from whole logits. */
import type { MatmulRef } from './matmul.ref';
import { OP_TOLERANCE } from './tolerances';

export interface HeadLossBackwardRef {
  dx: Float64Array;
  /** How far each value may be off. */
  bounds: Float64Array;
}

/** `raw` are x Wᵀ before factor and cap; w [vocab, k]. */
export function headLossBackwardRef(
  raw: MatmulRef,
  w: ArrayLike<number>,
  k: number,
  targets: ArrayLike<number>,
  { factor, scale = 1, softcap = 0 }: { factor: number; scale?: number; softcap?: number },
): HeadLossBackwardRef {
  const vocab = w.length / k;
  const rows = targets.length;
  const dx = new Float64Array(rows * k);
  const bounds = new Float64Array(rows * k);
  for (let r = 0; r < rows; r++) {
    if (targets[r] === 0xffffffff) continue;
    const of = Array.from(raw.values.subarray(r * vocab, (r + 1) * vocab), (x) => x * scale);
    const magnitude = Math.max(...raw.magnitudes.subarray(r * vocab, (r + 1) * vocab)) * scale;
    const capped = of.map((x) => (softcap ? softcap * Math.tanh(x / softcap) : x));
    const highest = Math.max(...capped);
    const total = capped.reduce((sum, x) => sum + Math.exp(x - highest), 0);
    const spread = highest - Math.min(...capped);
    const off = OP_TOLERANCE.headGradient(k, vocab, magnitude, spread, softcap);
    capped.forEach((x, c) => {
      const p = Math.exp(x - highest) / total;
      const t = softcap ? x / softcap : 0;
      const g = p - (targets[r] === c ? 1 : 0);
      const size = Math.abs(g) * off.cap + p * off.weight + Math.abs(g) * off.sum;
      for (let d = 0; d < k; d++) {
        const weight = Number(w[c * k + d]) * factor * scale;
        dx[r * k + d] = (dx[r * k + d] ?? NaN) + g * (1 - t * t) * weight;
        bounds[r * k + d] = (bounds[r * k + d] ?? NaN) + Math.abs(weight) * size;
      }
    });
  }
  return { dx, bounds };
}
