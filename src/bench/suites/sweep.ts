/**
 * One exact point of a sweep (statistics from the pruned prefix, masks, perplexity, cumulative errors on the
 * calibration text) against the forward passes that it cannot do without: the calibration text twice through the
 * blocks, the evaluated text once through everything.
 */
import { planRun, ratesFor } from '../../session/plan';
import type { BenchEnv } from '../env';
import { NO_METER, onDevice, textOf, textSpec, turns, useModel } from '../env';
import { interleave } from '../measure';
import { blocksPass, forwardPass } from '../passes';
import { makeRow, ratioOf, withRatio } from '../row';

const GOAL = 1.1;

export async function sweepSuite(env: BenchEnv): Promise<void> {
  for (const model of env.models) {
    const engine = await useModel(env, model);
    const [window, windows] = env.quick ? [64, 1] : model.large ? [128, 1] : [256, 2];
    const spec = textSpec(model.name, window, windows);
    const calibration = await textOf(env, spec, 'calibration');
    const evaluate = await textOf(env, spec, 'select');
    const plan = planRun(engine.model.plan, spec);
    const limit = plan.betaMax ?? 0;
    let flops = 0;
    const point = async (rep: number): Promise<void> => {
      const { rates } = ratesFor(engine.model.plan, plan, limit * (0.1 + 0.8 * ((rep * 0.618) % 1)));
      const errors = { text: calibration, kind: 'cumulative' as const };
      flops = await onDevice(env, (rec) =>
        engine.prune(rec, { plan, rates, statistics: 'exact', calibration, errors, evaluate }, NO_METER),
      );
    };
    const forwards = async (): Promise<void> => {
      await blocksPass(env, engine, calibration);
      await blocksPass(env, engine, calibration);
      await forwardPass(env, engine, evaluate);
    };
    const [whole, bare] = await interleave(
      [
        { name: 'point', run: point },
        { name: 'forwards', run: forwards },
      ],
      { reps: env.quick ? 2 : model.large ? 3 : 5, ...turns(env) },
    );
    if (!whole || !bare) continue;
    const where = { suite: 'sweep', device: env.device };
    const tokens = calibration.windows.tokens * 2 + evaluate.windows.tokens;
    const row = makeRow({ ...where, case: `${model.name}, one exact point, ${windows} x ${window} tokens` }, whole, { flops, tokens }); // prettier-ignore
    env.emit(withRatio(row, 'its forward passes', ratioOf(whole, bare), GOAL));
    env.emit(makeRow({ ...where, case: `${model.name}, the forward passes of a point` }, bare, { tokens })); // prettier-ignore
  }
}
