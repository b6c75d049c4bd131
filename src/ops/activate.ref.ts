import type { Activation } from './activate';

/**
 * Φ(-a) for a >= 0, to about 1e-13 relative: the series of Φ around 0 (all terms positive), and the continued fraction of
 * the tail, from its far end, where the series' difference from 1/2 would lose digits.
 */
export function normalTail(a: number): number {
  const density = Math.exp((-a * a) / 2) / Math.sqrt(2 * Math.PI);
  if (a < 2) {
    let term = a;
    let sum = a;
    for (let n = 3; term > sum * 1e-17; n += 2) {
      term *= (a * a) / n;
      sum += term;
    }
    return 0.5 - density * sum;
  }
  let fraction = a;
  for (let n = 200; n > 0; n--) fraction = a + n / fraction;
  return density / fraction;
}

const logistic = (x: number): number => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x)));

/** What geluTanh hands to the logistic function. */
const geluTanhArgument = (x: number): number => 2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3);

/** The share of x that passes, act(x) / x. */
const PASSED: Record<Activation, (x: number) => number> = {
  silu: logistic,
  gelu: (x) => (x < 0 ? normalTail(-x) : 1 - normalTail(x)),
  geluTanh: (x) => logistic(geluTanhArgument(x)),
  relu: (x) => (x < 0 ? 0 : 1),
};

/** What the kernel hands to exp: its error grows with it. */
const EXPONENT: Record<Activation, (x: number) => number> = {
  silu: Math.abs,
  gelu: (x) => (x * x) / 2,
  geluTanh: (x) => Math.abs(geluTanhArgument(x)),
  relu: () => 0,
};

export interface ActivateRef {
  values: Float64Array;
  /** |act(-|x|) * up|: the part of the value that goes through exp. */
  tails: Float64Array;
  exponents: Float64Array;
  /** |x * up|. */
  inputs: Float64Array;
}

/** f64 reference of act(x) (* up). */
export function activateRef(
  kind: Activation,
  x: ArrayLike<number>,
  up?: ArrayLike<number> | null,
): ActivateRef {
  const values = new Float64Array(x.length);
  const tails = new Float64Array(x.length);
  const exponents = new Float64Array(x.length);
  const inputs = new Float64Array(x.length);
  for (let i = 0; i < x.length; i++) {
    const value = x[i] ?? NaN;
    const factor = up ? (up[i] ?? NaN) : 1;
    const passed = PASSED[kind];
    values[i] = value * passed(value) * factor;
    tails[i] = Math.abs(value * passed(-Math.abs(value)) * factor);
    exponents[i] = EXPONENT[kind](value);
    inputs[i] = Math.abs(value * factor);
  }
  return { values, tails, exponents, inputs };
}
