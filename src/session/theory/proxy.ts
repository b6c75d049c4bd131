/** Error against perplexity: prunings over betas, shapes and sparsities, and whatever else this call measured. Main seed. */
import type { ProxyExperiment, ProxyPoint } from '../../core/theory';
import { correlationsOf, picksOf, proxyPoint, proxyVerdict } from '../../eval/theory/proxy';
import { weightedMean } from '../../pruning/allocations';
import type { Trial } from './index';
import { head, type TheoryRun } from './run';
import {
  chosenBeta,
  gridOf,
  measureAll,
  NO_BETA,
  ratesOfBeta,
  SHAPE_COUNT,
  shapes,
  type Schedule,
} from './schedules';
import { figure } from '../../eval/theory/words';

/** Uniform prunings beside the target's. */
const SPARSITIES = [0.3, 0.4, 0.5, 0.6, 0.7, 0.8];

export const proxy: Trial = {
  steps: (run) => 1 + 2 * gridOf(run).length + SPARSITIES.length + SHAPE_COUNT,
  async run(run) {
    const betas = [0, ...gridOf(run)];
    const curve = betas.map((beta) => ({ name: `beta ${figure(beta)}`, rates: ratesOfBeta(run, beta) }));
    const uniform = SPARSITIES.map((s) => ({ name: `uniform ${s}`, rates: run.uniform(s) }));
    let now: ProxyExperiment = { ...head('proxy'), points: [], correlations: [], picks: [] };
    const publish = (): void => {
      now = { ...now, points: pointsOf(run, betas) };
      run.publish(now);
    };
    const measure = (schedules: readonly Schedule[]): Promise<void> =>
      measureAll(run, 'proxy', schedules, [run.mainSeed], publish);
    await measure(curve);
    await measure(uniform);
    const beta = await chosenBeta(run, 'proxy');
    if (beta === null) run.warn(`${NO_BETA}: no other schedules were measured.`);
    else await measure(await shapes(run, beta));
    const { points } = now;
    const { sparsity, seed } = run.spec.base;
    const done = {
      ...now,
      points: [...points, ...(run.spec.runs ?? []).map((p) => ({ ...p, source: 'run' as const }))],
      picks: picksOf(points.filter(({ beta }) => beta !== null)),
    };
    const correlations = correlationsOf(done.points, sparsity, seed);
    run.publish({ ...done, correlations, done: true, verdict: proxyVerdict({ ...done, correlations }) });
  },
};

/** Every pruning of the main seed that this call asked for; those of the grid with their beta. */
function pointsOf(run: TheoryRun, betas: readonly number[]): ProxyPoint[] {
  const byRates = new Map(betas.map((beta) => [ratesOfBeta(run, beta).join(' '), beta]));
  return run
    .used()
    .flatMap(({ trial, name }) =>
      trial.seed === run.mainSeed
        ? [
            proxyPoint(
              name.replace(/, seed \d+$/, ''),
              trial,
              weightedMean(trial.rates, run.sizes),
              byRates.get(trial.rates.join(' ')) ?? null,
            ),
          ]
        : [],
    );
}
