/** Schedules that theorem 3.5 is tried on: other orders of the same rates, other shapes at the same mean. */
import { Rng } from '../../core/rng';

/** The same rates in random order (Fisher and Yates); `index` from 1 names the order. */
export function shuffled(rates: readonly number[], seed: number, index: number): number[] {
  const rng = new Rng(seed, `theory order ${index}`);
  const out = [...rates];
  for (let i = out.length - 1; i > 0; i--) {
    const j = rng.below(i + 1);
    [out[i], out[j]] = [out[j] ?? 0, out[i] ?? 0];
  }
  return out;
}

/** Rates of two neighbours traded. */
export function swapped(rates: readonly number[], layer: number): number[] {
  const out = [...rates];
  [out[layer], out[layer + 1]] = [out[layer + 1] ?? 0, out[layer] ?? 0];
  return out;
}

/** Rising from 0 to 1 over depth t in [0, 1]. */
export const SHAPES: Readonly<Record<string, (t: number) => number>> = {
  arithmetic: (t) => t,
  convex: (t) => t * t,
  concave: (t) => 1 - (1 - t) ** 2,
  step: (t) => (t < 0.5 ? 0 : 1),
};

/** No layer is emptied. */
const MOST = 0.99;

/**
 * A shape whose rates span `span` from the first layer to the last and whose mean, weighted by `sizes`, is `target`;
 * the span is made smaller where a rate would leave [0, 0.99].
 */
export function shapeRates(
  shape: (t: number) => number,
  target: number,
  span: number,
  sizes: readonly number[],
): number[] {
  const last = Math.max(1, sizes.length - 1);
  const values = sizes.map((_, i) => shape(i / last));
  const total = sizes.reduce((a, b) => a + b, 0);
  const middle = values.reduce((sum, v, i) => sum + v * (sizes[i] ?? 0), 0) / total;
  const above = Math.max(...values) - middle;
  const below = middle - Math.min(...values);
  const fit = Math.min(
    span,
    above > 0 ? Math.max(0, MOST - target) / above : span,
    below > 0 ? target / below : span,
  );
  return values.map((v) => Math.min(1, Math.max(0, target + fit * (v - middle))));
}
