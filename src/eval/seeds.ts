/** Mean and range over several calibration draws. */
import type { SeedFigures, SeedRange } from '../core/report';

/**
 * Mean, smallest and largest perplexity. A draw that diverged leaves no mean and no upper end; the lower end is that of
 * the others.
 */
export function seedRange(bySeed: readonly SeedFigures[]): SeedRange {
  const finite = bySeed.flatMap(({ perplexity }) => (perplexity === null ? [] : [perplexity]));
  const all = finite.length === bySeed.length && finite.length > 0;
  return {
    bySeed: [...bySeed],
    mean: all ? finite.reduce((sum, p) => sum + p, 0) / finite.length : null,
    min: finite.length > 0 ? Math.min(...finite) : null,
    max: all ? Math.max(...finite) : null,
  };
}
