/**
 * Tree-structured Parzen estimators with Optuna's defaults (arXiv 1907.10902), one dimension at a time: 10 random
 * trials; then of 24 candidates drawn where good trials lie, the one that good trials make likeliest and bad ones
 * unlikeliest. Ask for a point, tell its value; smaller is better, not finite counts as worst.
 */
import { Rng } from '../../../core/rng';

const START_TRIALS = 10;
const CANDIDATES = 24;
const MOST_GOOD = 25;
/** Kernels of the same weight, and one wide prior over the range. */
interface Mixture {
  means: number[];
  widths: number[];
}

export interface Bounds {
  lo: number;
  hi: number;
}

export class Tpe {
  readonly #bounds: readonly Bounds[];
  readonly #rng: Rng;
  readonly #trials: { point: number[]; value: number }[] = [];

  constructor(bounds: readonly Bounds[], seed: number) {
    this.#bounds = bounds;
    this.#rng = new Rng(seed, 'tpe');
  }

  ask(): number[] {
    if (this.#trials.length < START_TRIALS)
      return this.#bounds.map(({ lo, hi }) => lo + (hi - lo) * this.#rng.float());
    const sorted = [...this.#trials].sort((a, b) => a.value - b.value);
    const good = Math.min(Math.ceil(0.1 * sorted.length), MOST_GOOD);
    return this.#bounds.map((bounds, d) => {
      const at = (trials: typeof sorted): Mixture =>
        mixtureOf(
          trials.map(({ point }) => point[d] ?? 0),
          bounds,
        );
      const [likely, unlikely] = [at(sorted.slice(0, good)), at(sorted.slice(good))];
      let best = 0;
      let most = -Infinity;
      for (let i = 0; i < CANDIDATES; i++) {
        const x = draw(likely, bounds, this.#rng);
        const ratio = Math.log(density(likely, bounds, x)) - Math.log(density(unlikely, bounds, x));
        if (ratio > most) {
          most = ratio;
          best = x;
        }
      }
      return best;
    });
  }

  tell(point: readonly number[], value: number | null): void {
    this.#trials.push({
      point: [...point],
      value: value !== null && Number.isFinite(value) ? value : Infinity,
    });
  }
}

/** A kernel at each point, as wide as the gap to its farther neighbour, and the prior. */
function mixtureOf(points: readonly number[], { lo, hi }: Bounds): Mixture {
  const range = hi - lo;
  const means = [...points, (lo + hi) / 2];
  const order = means.map((_, i) => i).sort((a, b) => (means[a] ?? 0) - (means[b] ?? 0));
  const widths = new Array<number>(means.length).fill(range);
  const narrowest = range / Math.min(100, 1 + means.length);
  order.forEach((i, k) => {
    if (i === points.length) return;
    const here = means[i] ?? 0;
    const left = here - (means[order[k - 1] ?? -1] ?? lo);
    const right = (means[order[k + 1] ?? -1] ?? hi) - here;
    widths[i] = Math.min(range, Math.max(narrowest, left, right));
  });
  return { means, widths };
}

/** From one of the kernels, within the bounds. */
function draw({ means, widths }: Mixture, { lo, hi }: Bounds, rng: Rng): number {
  const k = rng.below(means.length);
  for (;;) {
    const x = (means[k] ?? 0) + (widths[k] ?? 1) * rng.normal();
    if (x >= lo && x <= hi) return x;
  }
}

function density({ means, widths }: Mixture, { lo, hi }: Bounds, x: number): number {
  let sum = 0;
  means.forEach((mean, k) => {
    const width = widths[k] ?? 1;
    const inside = normalCdf((hi - mean) / width) - normalCdf((lo - mean) / width);
    sum += Math.exp(-(((x - mean) / width) ** 2) / 2) / (width * Math.sqrt(2 * Math.PI) * inside);
  });
  return Math.max(sum / means.length, 1e-300);
}

/** Abramowitz and Stegun 7.1.26; to 1.5e-7, which is enough for weighing kernels. */
function normalCdf(z: number): number {
  const x = Math.abs(z) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * x);
  const poly =
    ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  const erf = 1 - poly * Math.exp(-x * x);
  return z >= 0 ? (1 + erf) / 2 : (1 - erf) / 2;
}
