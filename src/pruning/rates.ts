/** How much of one matrix goes: what an allocation hands to a pruner. */
import type { GroupPattern } from '../ops/selectRules';

/** A fraction of zeros; or one with the zeros of each row, or with the K:M pattern that this matrix gets. */
export type Rate =
  | number
  | {
      rate: number;
      /** Zeros of each output row, [outputs]. */
      rowZeros?: Uint32Array<ArrayBuffer>;
      group?: GroupPattern;
    };

/** Of every matrix of a layer, by name. */
export type MatrixRates = Readonly<Record<string, Rate>>;

/** The rate of a matrix; there is none of another name. */
export function rateOf(rates: MatrixRates, name: string): Rate {
  const rate = rates[name];
  if (rate === undefined) throw new Error(`there is no rate for ${name}`);
  return rate;
}

/** The fraction of zeros alone. */
export function fractionOf(rate: Rate): number {
  return typeof rate === 'number' ? rate : rate.rate;
}
