/**
 * What a drag of beta costs: new masks for every layer and the cumulative error of every layer, with dense outputs and
 * statistics at hand, against a forward pass of the same tokens.
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

export async function tickSuite(env: SuiteEnv): Promise<void> {
  for (const model of env.models) {
    const engine = await useModel(env, model);
    const window = env.quick ? 64 : 256;
    const spec = { ...textSpec(model.name, window, 1), stats: 'dense' as const };
    const text = await textOf(env, spec, 'calibration');
    const plan = planRun(engine.model.plan, spec);
    const limit = plan.betaMax ?? 0;
    const tick = (rep: number, orders: boolean, probe?: RecorderProbe): Promise<WorkCount> => {
      // Never the same masks twice.
      const { rates } = ratesFor(engine.model.plan, plan, limit * (0.1 + 0.8 * ((rep * 0.618) % 1)));
      const errors = { text, kind: 'cumulative' as const };
      const job = { plan, rates, statistics: 'dense' as const, calibration: text, errors, orders };
      return onDevice(env, (rec) => engine.prune(rec, job, NO_METER), probe);
    };
    const [drag, forward, anew, blocks] = await interleave(
      [
        { name: 'tick', run: (rep) => tick(rep, true) },
        { name: 'forward', run: () => forwardPass(env, engine, text) },
        { name: 'tick without row orders', run: (rep) => tick(rep, false) },
        ...(model.large ? [] : [{ name: 'blocks', run: () => blocksPass(env, engine, text) }]),
      ],
      { reps: env.quick ? 2 : model.large ? 3 : 7, ...turns(env) },
    );
    if (!drag || !forward || !anew) continue;
    const where = { suite: 'tick', device: env.device };
    const name = `${model.name}, beta drag on ${window} tokens`;
    const size = { layers: engine.model.config.layers, tokens: window };
    const row = await accountedRow(env, { ...where, case: name }, drag, size, (probe) =>
      tick(0.5, true, probe),
    );
    env.emit(withRatio(row, 'one forward pass of these tokens', ratioOf(drag, forward), GOAL));
    const anewRow = makeRow({ ...where, case: `${name}, rows ordered anew` }, anew, { tokens: window });
    env.emit(withRatio(anewRow, 'one forward pass of these tokens', ratioOf(anew, forward)));
    if (blocks) {
      env.emit(
        withRatio(
          makeRow({ ...where, case: `${model.name}, ${window} tokens through the blocks alone` }, blocks, { tokens: window }), // prettier-ignore
          'one beta drag',
          ratioOf(blocks, drag),
        ),
      );
    }
    env.emit(makeRow({ ...where, case: `${model.name}, forward pass of ${window} tokens` }, forward, { tokens: window })); // prettier-ignore
  }
}
