import { PEAK_STEP } from './peakFma';

/** The sum of a lane's values in f64. */
export function peakFmaRef(lane: number, trips: number): number {
  const { factor, term, count } = PEAK_STEP;
  const limit = term / (1 - factor);
  const after = (x: number): number => limit + (x - limit) * factor ** (count * trips);
  return 4 * after(lane % 8) + 4 * after((lane % 8) + 8);
}
