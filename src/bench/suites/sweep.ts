/**
 * One point of a sweep against the forward passes that it cannot do without. Exact (statistics from the pruned prefix,
 * masks, perplexity and divergence, cumulative errors on the calibration text): the calibration text twice through the
 * blocks, the evaluated text once through everything. Preview (statistics of the dense model, row orders at hand): the
 * evaluated text once through everything.
 */
import { planRun, ratesFor } from '../../session/plan';
import type { WorkCount } from '../../core/report';
import type { RecorderProbe } from '../../gpu/recorder';
import { accountedRow } from '../account';
import type { SuiteEnv } from '../env';
import { NO_METER, onDevice, textOf, textSpec, turns, useModel } from '../env';
import { interleave } from '../measure';
import { blocksPass, forwardPass } from '../passes';
import { makeRow, ratioOf, withRatio } from '../row';

const GOAL = 1.1;
const PREVIEW_GOAL = 1.15;

export async function sweepSuite(env: SuiteEnv): Promise<void> {
  for (const model of env.models) {
    const engine = await useModel(env, model);
    const [window, windows] = env.quick ? [64, 1] : model.large ? [128, 1] : [256, 2];
    const spec = textSpec(model.name, window, windows);
    const calibration = await textOf(env, spec, 'calibration');
    const evaluate = await textOf(env, spec, 'select');
    const plan = planRun(engine.model.plan, spec);
    const limit = plan.betaMax ?? 0;
    const ratesAt = (rep: number): ReturnType<typeof ratesFor>['rates'] =>
      // Never the same masks twice.
      ratesFor(engine.model.plan, plan, limit * (0.1 + 0.8 * ((rep * 0.618) % 1))).rates;
    const exact = (rep: number, probe?: RecorderProbe): Promise<WorkCount> => {
      const errors = { text: calibration, kind: 'cumulative' as const };
      const job = { plan, rates: ratesAt(rep), statistics: 'exact' as const, calibration, errors, evaluate };
      return onDevice(env, (rec) => engine.prune(rec, job, NO_METER), probe);
    };
    const preview = (rep: number, probe?: RecorderProbe): Promise<WorkCount> => {
      const job = { plan, rates: ratesAt(rep), statistics: 'dense' as const, calibration, evaluate };
      return onDevice(env, (rec) => engine.prune(rec, job, NO_METER), probe);
    };
    const forwards = async (): Promise<void> => {
      await blocksPass(env, engine, calibration);
      await blocksPass(env, engine, calibration);
      await forwardPass(env, engine, evaluate);
    };
    const [whole, bare, quick, once] = await interleave(
      [
        { name: 'exact', run: (rep) => exact(rep) },
        { name: 'forwards', run: forwards },
        { name: 'preview', run: (rep) => preview(rep) },
        { name: 'evaluation', run: () => forwardPass(env, engine, evaluate) },
      ],
      { reps: env.quick ? 2 : model.large ? 3 : 5, ...turns(env) },
    );
    if (!whole || !bare || !quick || !once) continue;
    const where = { suite: 'sweep', device: env.device };
    const size = `${windows} x ${window} tokens`;
    const evaluated = evaluate.windows.tokens;
    const tokens = calibration.windows.tokens * 2 + evaluated;
    const { layers } = engine.model.config;
    const exactRow = await accountedRow(env, { ...where, case: `${model.name}, one exact point, ${size}` }, whole, { layers, tokens }, (probe) => exact(0.5, probe)); // prettier-ignore
    env.emit(withRatio(exactRow, 'its forward passes', ratioOf(whole, bare), GOAL));
    env.emit(makeRow({ ...where, case: `${model.name}, the forward passes of an exact point` }, bare, { tokens })); // prettier-ignore
    const previewRow = await accountedRow(env, { ...where, case: `${model.name}, one preview point, ${size}` }, quick, { layers, tokens: evaluated }, (probe) => preview(0.5, probe)); // prettier-ignore
    env.emit(withRatio(previewRow, 'its evaluation', ratioOf(quick, once), PREVIEW_GOAL));
    env.emit(makeRow({ ...where, case: `${model.name}, the evaluation of a preview point` }, once, { tokens: evaluated })); // prettier-ignore
  }
}
