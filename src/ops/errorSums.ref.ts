/** Reference of errorSums: plain sums in f64 over f32 streams. */
import type { ErrorTotals } from './errorSums';

export interface Streams {
  a: Float32Array;
  b: Float32Array;
  c: Float32Array;
  d: Float32Array;
}

export function errorSumsRef({ a, b, c, d }: Streams): ErrorTotals {
  const sums = { local: 0, inPlace: 0, inherited: 0, cumulative: 0, cross: 0, dense: 0 };
  for (let i = 0; i < a.length; i++) {
    const [va = 0, vb = 0, vc = 0, vd = 0] = [a[i], b[i], c[i], d[i]];
    sums.local += (vd - vc) ** 2;
    sums.inPlace += (va - vb) ** 2;
    sums.inherited += (vb - vc) ** 2;
    sums.cumulative += (va - vc) ** 2;
    sums.cross += (va - vb) * (vb - vc);
    sums.dense += vc ** 2;
  }
  return sums;
}

/** Sum of the absolute values of the cross term's products: what its rounding errors scale with. */
export function crossMagnitude({ a, b, c }: Streams): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++)
    sum += Math.abs(((a[i] ?? 0) - (b[i] ?? 0)) * ((b[i] ?? 0) - (c[i] ?? 0)));
  return sum;
}
