/** Lab theory: kappa from f_i(s), c from the gains, and the beta that follows beside the best one measured. */
import type { LabTheoryExperiment, LayerCurve } from '../../core/theory';
import { assumptionsOf, labFit, labVerdict } from '../../eval/theory/labFit';
import { betaMax } from '../../pruning/allocations';
import { uniformGains } from './bounds';
import type { Trial } from './index';
import { layerCurve } from './monotone';
import { head } from './run';
import { curveOf, gridOf } from './schedules';

export const labTheory: Trial = {
  steps: (run) => run.layers + run.draws.length * (2 + gridOf(run).length),
  async run(run) {
    const { rates, base } = run.spec;
    const grid = gridOf(run);
    const own = run.known('lab')?.layers ?? [];
    const measured: readonly Pick<LayerCurve, 'layer' | 'local' | 'dense'>[] = [
      ...own,
      ...(run.known('3.1')?.layers ?? []),
    ];
    let now: LabTheoryExperiment = {
      ...head('lab'),
      rates,
      layers: [],
      gains: [],
      curve: [],
      fit: null,
      assumptions: null,
    };
    const publish = (more: Partial<LabTheoryExperiment>): void => {
      now = { ...now, ...more };
      run.publish(now);
    };
    for (let layer = 0; layer < run.layers; layer++) {
      const found = measured.find((l) => l.layer === layer);
      if (found) run.skip(1);
      const { local, dense } =
        found ??
        (await run.step(run.stage('lab', `layer ${layer + 1} of ${run.layers}`), (rec, meter) =>
          layerCurve(run, layer, rec, meter, { matrices: false }),
        ));
      publish({ layers: [...now.layers, { layer, local, dense }] });
    }
    for (const seed of run.seeds)
      publish({ gains: [...now.gains, { seed, gain: await uniformGains(run, 'lab', seed) }] });
    await curveOf(run, 'lab', [0, ...grid], run.seeds, (curve) => publish({ curve }));
    const fit = labFit(now, betaMax(base.sparsity, run.layers));
    const assumptions = fit && assumptionsOf(now, fit.kappas, base.sparsity);
    const verdict = labVerdict(fit, assumptions, grid[0] ?? 0, run.layers);
    publish({ fit, assumptions, done: true, verdict });
  },
};
