/**
 * Whole forward passes with the loss of every token. The ratio says how much of the time is left to the matrix
 * products alone, each with the kernel that is fastest for its shape: 1 would be a pass that is nothing but these.
 */
import type { WorkCount } from '../../core/report';
import { accountedRow } from '../account';
import type { SuiteEnv } from '../env';
import { textOf, textSpec, turns, useModel } from '../env';
import { interleave } from '../measure';
import { bestProducts, forwardPass } from '../passes';
import { withRoofline } from '../roofline';
import { makeRow, ratioOf, withRatio } from '../row';

const PRODUCTS = 'the same products with the best kernel for each shape';
const GOAL = 0.75;

export async function forwardSuite(env: SuiteEnv): Promise<void> {
  for (const model of env.models) {
    const engine = await useModel(env, model);
    for (const window of env.quick ? [64] : model.large ? [256] : [128, 256]) {
      const text = await textOf(env, textSpec(model.name, window, 1), 'report');
      const scope = env.lab.ctx.root.child();
      try {
        const products = await bestProducts(env, engine, window, scope);
        env.note(`${model.name}, ${window} tokens: ${products.kernels}`);
        let productWork: WorkCount | undefined;
        const [forward, alone] = await interleave(
          [
            { name: 'forward', run: () => forwardPass(env, engine, text) },
            { name: 'products', run: async () => void (productWork = await products.run()) },
          ],
          { reps: env.quick ? 2 : model.large ? 3 : 5, ...turns(env) },
        );
        if (!forward || !alone) continue;
        const where = { suite: 'forward', device: env.device };
        const share = ratioOf(alone, forward);
        const row = await accountedRow(
          env,
          { ...where, case: `${model.name}, ${window} tokens` },
          forward,
          { layers: engine.model.config.layers, tokens: window },
          (probe) => forwardPass(env, engine, text, probe),
        );
        env.emit(
          model.large ? withRatio(row, PRODUCTS, share, GOAL, 'more') : withRatio(row, PRODUCTS, share),
        );
        env.emit(
          withRoofline(
            makeRow(
              { ...where, case: `${model.name}, ${window} tokens, matrix products alone` },
              alone,
              productWork,
            ),
            env.peaks,
          ),
        );
      } finally {
        scope.close();
      }
    }
  }
}
