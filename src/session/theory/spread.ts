/** Theorem 3.4: one layer at a time is pruned more, all later ones are watched. Main seed. */
import type { SpreadExperiment } from '../../core/theory';
import { spreadRow, spreadSummary, spreadVerdict } from '../../eval/theory/spread';
import type { Trial } from './index';
import { head } from './run';
import { gridOf } from './schedules';

export const RAISE = 0.1;

export const spread: Trial = {
  steps: ({ layers }) => 1 + layers,
  async run(run) {
    gridOf(run);
    const { others, base: spec } = run.spec;
    const rates = run.uniform(others === 'dense' ? 0 : spec.sparsity);
    const raise = Math.min(RAISE, 1 - (rates[0] ?? 0));
    // All six sums, where another theorem wanted them, are not part of this one.
    const { errors: _, ...base } = await run.trial('3.4', 'nothing raised', run.mainSeed, rates);
    const layers: SpreadExperiment['layers'] = [];
    const experiment = (): SpreadExperiment => ({
      ...head('3.4'),
      others,
      raise,
      base,
      layers: [...layers],
      summary: null,
    });
    run.publish(experiment());
    for (let layer = 0; layer < run.layers; layer++) {
      const rate = (rates[layer] ?? 0) + raise;
      const raised = await run.trial(
        '3.4',
        `layer ${layer + 1} raised`,
        run.mainSeed,
        rates.with(layer, rate),
      );
      layers.push(spreadRow(layer, rate, base, raised));
      run.publish(experiment());
    }
    const done = experiment();
    const summary = spreadSummary(base, layers);
    run.publish({ ...done, summary, done: true, verdict: spreadVerdict(done, summary) });
  },
};
