import { matmulRef, type MatmulRef } from './matmul.ref';

/** f64 reference: weights whose `keep` is false count as 0 (not as 0 times the weight). */
export function matvecRef(
  x: ArrayLike<number>,
  w: ArrayLike<number>,
  k: number,
  extra: { bias?: ArrayLike<number>; residual?: ArrayLike<number>; keep?: (index: number) => boolean } = {},
): MatmulRef {
  const { keep } = extra;
  const masked = keep ? Float64Array.from(w, (v, i) => (keep(i) ? v : 0)) : w;
  return matmulRef(x, masked, k, extra);
}
