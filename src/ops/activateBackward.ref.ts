import type { Activation } from './activate';
import { normalTail } from './activate.ref';

const logistic = (x: number): number => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x)));
const ROOT = 2 * Math.sqrt(2 / Math.PI);

/** The two terms of act'(x), act(x) / x and the rest, and what the kernel hands to exp. */
const SLOPES: Record<Activation, (x: number) => [number, number, number]> = {
  silu: (x) => [logistic(x), x * logistic(x) * logistic(-x), Math.abs(x)],
  gelu: (x) => [
    x < 0 ? normalTail(-x) : 1 - normalTail(x),
    (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI),
    (x * x) / 2,
  ],
  geluTanh: (x) => {
    const u = ROOT * (x + 0.044715 * x ** 3);
    return [logistic(u), x * logistic(u) * logistic(-u) * ROOT * (1 + 3 * 0.044715 * x * x), Math.abs(u)];
  },
  relu: (x) => [x > 0 ? 1 : 0, 0, 0],
};

export interface ActivateBackwardRef {
  dx: Float64Array;
  /** Sum of the absolute values of dx's terms. */
  sizes: Float64Array;
  exponents: Float64Array;
  dUp: Float64Array;
}

/** f64 reference of the gradients of act(x) * up; `up` of ones where there is no gate. */
export function activateBackwardRef(
  kind: Activation,
  x: Float32Array,
  up: Float32Array,
  dy: Float32Array,
): ActivateBackwardRef {
  const [dx, sizes, exponents, dUp] = Array.from({ length: 4 }, () => new Float64Array(x.length)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  x.forEach((value, i) => {
    const [share, rest, exponent] = SLOPES[kind](value);
    const factor = (dy[i] ?? NaN) * (up[i] ?? NaN);
    dx[i] = factor * (share + rest);
    sizes[i] = Math.abs(factor) * (share + Math.abs(rest));
    exponents[i] = exponent;
    dUp[i] = (dy[i] ?? NaN) * value * share;
  });
  return { dx, sizes, exponents, dUp };
}
