/** f64 reference of the gradients of attentionRef over whole sequences, straight from the chain rule. */
import type { AttentionShape } from './attention.ref';
import { OP_TOLERANCE } from './tolerances';

export interface AttentionBackwardRef {
  q: Float64Array;
  k: Float64Array;
  v: Float64Array;
  /** How far each value may be off. */
  bounds: { q: Float64Array; k: Float64Array; v: Float64Array };
}

export function attentionBackwardRef(
  q: ArrayLike<number>,
  k: ArrayLike<number>,
  v: ArrayLike<number>,
  dOut: ArrayLike<number>,
  { batch, queries, heads, kvHeads, headDim, scale, window, softcap }: AttentionShape,
): AttentionBackwardRef {
  const make = (like: ArrayLike<number>): Float64Array => new Float64Array(like.length);
  const out = { q: make(q), k: make(k), v: make(v), bounds: { q: make(q), k: make(k), v: make(v) } };
  const add = (to: Float64Array, at: number, value: number): void => {
    to[at] = (to[at] ?? NaN) + value;
  };
  const group = heads / kvHeads;
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      const keyAt = (key: number): number =>
        ((b * queries + key) * kvHeads + Math.floor(h / group)) * headDim;
      for (let i = 0; i < queries; i++) {
        const at = ((b * queries + i) * heads + h) * headDim;
        const dot = (x: ArrayLike<number>, y: ArrayLike<number>, to: number): [number, number] => {
          let [sum, size] = [0, 0];
          for (let d = 0; d < headDim; d++) {
            const product = Number(x[at + d]) * Number(y[to + d]);
            sum += product;
            size += Math.abs(product);
          }
          return [sum, size];
        };
        const seen = Array.from({ length: i + 1 }, (_, key) => key).filter(
          (key) => !window || i - key < window,
        );
        const raw = seen.map((key) => dot(q, k, keyAt(key)).map((x) => x * scale) as [number, number]);
        const capped = raw.map(([s]) => (softcap ? softcap * Math.tanh(s / softcap) : s));
        const highest = Math.max(...capped);
        const e = capped.map((s) => Math.exp(s - highest));
        const total = e.reduce((x, y) => x + y, 0);
        const dP = seen.map((key) => dot(dOut, v, keyAt(key)));
        const p = e.map((x) => x / total);
        const mean = p.reduce((sum, x, n) => sum + x * (dP[n]?.[0] ?? NaN), 0);
        const scoreSize = Math.max(...raw.map(([, size]) => size));
        const dSize = Math.max(...dP.map(([, size]) => size));
        const off = OP_TOLERANCE.attentionWeight(headDim, queries, scoreSize, (softcap ?? 0) > 0);
        seen.forEach((key, n) => {
          const to = keyAt(key);
          const weight = p[n] ?? NaN;
          const t = softcap ? (capped[n] ?? NaN) / softcap : 0;
          const dS = weight * ((dP[n]?.[0] ?? NaN) - mean) * (1 - t * t) * scale;
          const sOff =
            weight *
            scale *
            OP_TOLERANCE.attentionScoreGradient(headDim, queries, off, dSize, (softcap ?? 0) > 0);
          for (let d = 0; d < headDim; d++) {
            const [qd, kd, gd] = [Number(q[at + d]), Number(k[to + d]), Number(dOut[at + d])];
            add(out.v, to + d, weight * gd);
            add(out.q, at + d, dS * kd);
            add(out.k, to + d, dS * qd);
            const sum = OP_TOLERANCE.attentionSum(queries * group);
            add(out.bounds.v, to + d, weight * Math.abs(gd) * (off + sum));
            add(out.bounds.q, at + d, Math.abs(kd) * (sOff + Math.abs(dS) * sum));
            add(out.bounds.k, to + d, Math.abs(qd) * (sOff + Math.abs(dS) * sum));
          }
        });
      }
    }
  }
  return out;
}
