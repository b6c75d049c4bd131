/** The curve of beta at the grid and at half its step, on every seed. */
import type { ConvexityExperiment } from '../../core/theory';
import { convexityShape, convexityVerdict } from '../../eval/theory/convexity';
import type { Trial } from './index';
import { head } from './run';
import { curveOf, gridOf } from './schedules';

/** 0 and the grid with the points between; every second one is the grid. */
export function halfGrid(grid: readonly number[]): number[] {
  return grid.reduce((all, beta) => [...all, ((all.at(-1) ?? 0) + beta) / 2, beta], [0]);
}

export const convexity: Trial = {
  steps: (run) => run.draws.length * (1 + 2 * gridOf(run).length),
  async run(run) {
    const grid = gridOf(run);
    let now: ConvexityExperiment = { ...head('convexity'), curve: [], shape: null };
    // The grid first: it is shared, and shows the curve early.
    await curveOf(run, 'convexity', [0, ...grid], run.seeds.slice(0, 1), (curve) => {
      now = { ...now, curve };
      run.publish(now);
    });
    run.skip(-1 - grid.length);
    await curveOf(run, 'convexity', halfGrid(grid), run.seeds, (curve) => {
      now = { ...now, curve };
      run.publish(now);
    });
    const shape = convexityShape(grid[0] ?? 0, now.curve);
    run.publish({ ...now, shape, done: true, verdict: convexityVerdict(shape, run.seeds.length) });
  },
};
