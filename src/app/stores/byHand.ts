/** Rates by hand: their means, changes to them, and lists from files. Pure. */
import { LabError } from '../../core/errors';
import type { LabSpec } from '../../core/spec';
import { matrixRates } from '../../pruning/allocations/custom';
import { blockMeans, spreadToMean, weightedMean } from '../../pruning/allocations/postprocess';
import type { ModelSummary } from '../../session/protocol';

export type HandRates = NonNullable<LabSpec['layerSparsity']>;
export type Shape = Pick<ModelSummary, 'layers' | 'prunablePerLayer' | 'matrices'>;

/** Shorter than what a weight is worth in any layer, so that addresses stay readable. */
const DECIMALS = 6;

function round(rate: number): number {
  return Number(Math.min(1, Math.max(0, rate)).toFixed(DECIMALS));
}

/** The rates of a file's list or object: SpecError, with the file's name, where they do not fit the model. */
export function parseRates(name: string, text: string, { layers, matrices }: Shape): HandRates {
  const wrong = (why: string): LabError =>
    new LabError(
      'SpecError',
      `${name}: ${why}`,
      `Give a list of ${layers} numbers from 0 to 1, one for each layer, or an object from every prunable tensor's name to such a number.`,
    );
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw wrong('not valid JSON.');
  }
  if (typeof value !== 'object' || value === null) throw wrong('neither a list nor an object.');
  const rates = value as HandRates;
  try {
    matrixRates(rates, layers, matrices);
  } catch (error) {
    throw wrong(LabError.from(error).message);
  }
  return rates;
}

/** The list as a file that `parseRates` and --layer-sparsity read. */
export function writeRates(rates: HandRates): string {
  return `${JSON.stringify(rates, null, 1)}\n`;
}

/** Whether the rates can be used with this model. */
export function fitsModel(rates: HandRates, { layers, matrices }: Shape): boolean {
  try {
    matrixRates(rates, layers, matrices);
    return true;
  } catch {
    return false;
  }
}

/** Rates of each layer, [L]: the list itself, or the weighted means of its matrices. */
export function layerMeans(rates: HandRates, { layers, matrices }: Shape): number[] {
  if (Array.isArray(rates)) return rates;
  return blockMeans(matrixRates(rates, layers, matrices), matrices, layers);
}

/** Fraction of zeros over all prunable weights. */
export function meanOf(rates: HandRates, shape: Shape): number {
  return weightedMean(layerMeans(rates, shape), shape.prunablePerLayer);
}

/** All rates shifted alike, inside [0, 1], until their weighted mean is `target`. */
export function keepMean(rates: HandRates, shape: Shape, target: number): HandRates {
  if (Array.isArray(rates)) return spreadToMean(rates, shape.prunablePerLayer, target).map(round);
  const { layers, matrices } = shape;
  const counts = matrices.map(({ count }) => count);
  const moved = spreadToMean(matrixRates(rates, layers, matrices), counts, target);
  return Object.fromEntries(matrices.map(({ name }, i) => [name, round(moved[i] ?? 0)]));
}

/** A list to begin drawing from. */
export function drawable(rates: readonly number[]): number[] {
  return rates.map(round);
}

/** `rates` with a straight stroke from one layer (the first is 0) to another. */
export function stroke(
  rates: readonly number[],
  from: { layer: number; rate: number },
  to: { layer: number; rate: number },
): number[] {
  const steps = Math.abs(to.layer - from.layer);
  const out = [...rates];
  for (let i = 0; i <= steps; i++) {
    const at = steps === 0 ? 1 : i / steps;
    const layer = Math.round(from.layer + (to.layer - from.layer) * at);
    if (layer >= 0 && layer < out.length) out[layer] = round(from.rate + (to.rate - from.rate) * at);
  }
  return out;
}
