/**
 * What a drag, a point and a whole sweep would ask of a GPU, at the sizes that the goals name: recorded as on hardware
 * and counted, not run (so there are no times), with the time that follows on devices whose figures are public. How
 * often work is cut depends on the device's speed: here it is cut as for one that nothing is known of yet.
 */
import type { WorkCount } from '../../core/report';
import { planRun, ratesFor } from '../../session/plan';
import type { PruneJob } from '../../session/engine';
import { CountingRecorder } from '../counting';
import { NO_METER, textOf, textSpec, type SuiteEnv } from '../env';
import { ASSUMED_SHARES, EXPECTED_DEVICES, expectedOn } from '../expected';
import { byFamily, Profile, type KernelShare } from '../profile';
import type { BenchRow } from '../row';

const TICK_TOKENS = 256;
const [WINDOW, WINDOWS] = [512, 16];
const POINTS = 10;

interface Counted {
  work: WorkCount;
  kernels: Map<string, KernelShare>;
}

export async function countsSuite(env: SuiteEnv): Promise<void> {
  for (const model of env.models) {
    const lab = await env.openCounting();
    const { ctx } = lab;
    // Nothing is run, so that no kernel is quicker than another.
    lab.tune = false;
    try {
      await lab.load(await model.files(), env.io, model.name);
      const { engine } = lab.loaded;
      const { layers, context } = engine.model.config;
      const count = async (job: PruneJob): Promise<Counted> => {
        const profile = new Profile(ctx, false);
        const rec = new CountingRecorder(ctx, (dispatch) => profile.dispatched(dispatch));
        try {
          await engine.prune(rec, job, NO_METER);
          await rec.finish();
          return { work: { ...rec.work }, kernels: await profile.take() };
        } finally {
          rec.close();
          profile.close();
        }
      };
      const emit = (what: string, { work, kernels }: Counted): void =>
        env.emit(countedRow(`${model.name}, ${what}`, layers, work, kernels));
      const here = { ...env, lab };

      const tickWindow = Math.min(TICK_TOKENS, context);
      const tickSpec = { ...textSpec(model.name, tickWindow, 1), stats: 'dense' as const };
      const text = await textOf(here, tickSpec, 'calibration');
      const plan = planRun(engine.model.plan, tickSpec);
      const rates = ratesFor(engine.model.plan, plan, (plan.betaMax ?? 0) / 2).rates;
      const errors = { text, kind: 'cumulative' as const };
      const tick = { plan, rates, statistics: 'dense' as const, calibration: text, errors };
      // The first orders the rows and makes the dense stream.
      await count(tick);
      emit(`slider tick, ${tickWindow} tokens`, await count(tick));

      const window = Math.min(WINDOW, context);
      const windows = Math.ceil((WINDOW * WINDOWS) / window);
      const spec = textSpec(model.name, window, windows);
      const calibration = await textOf(here, spec, 'calibration');
      const evaluate = await textOf(here, spec, 'select');
      const point = {
        plan: planRun(engine.model.plan, spec),
        rates,
        statistics: 'exact' as const,
        calibration,
        errors: { text: calibration, kind: 'cumulative' as const },
        evaluate,
      };
      const size = `${windows} x ${window} tokens in both texts`;
      const first = await count(point);
      const next = await count(point);
      emit(`one exact point, ${size}`, next);
      emit(`exact sweep of ${POINTS} points, ${size}`, plus(first, next, POINTS - 1));
    } finally {
      lab.unload();
      ctx.close();
    }
  }
}

/** `a` and `times` times `b`. */
function plus(a: Counted, b: Counted, times: number): Counted {
  const work = { ...a.work };
  for (const key of Object.keys(work) as (keyof WorkCount)[]) work[key] += times * b.work[key];
  const kernels = new Map([...a.kernels].map(([name, share]) => [name, { ...share }]));
  for (const [name, share] of b.kernels) {
    const sum = kernels.get(name) ?? { dispatches: 0, flops: 0, bytes: 0, ms: 0 };
    kernels.set(name, sum);
    for (const key of Object.keys(sum) as (keyof KernelShare)[]) sum[key] += times * share[key];
  }
  return { work, kernels };
}

function countedRow(
  name: string,
  layers: number,
  work: WorkCount,
  kernels: ReadonlyMap<string, KernelShare>,
): BenchRow {
  const families = Object.fromEntries(
    Object.entries(byFamily(kernels)).map(([family, f]) => [family, { ...f, ms: null, share: null }]),
  );
  const { dispatches, readbacks, flops, bytes } = work;
  return {
    suite: 'counts',
    case: name,
    device: 'none: recorded as on hardware, not run',
    reps: 0,
    warmup: 0,
    medianMs: null,
    p10Ms: null,
    p90Ms: null,
    flops,
    bytes,
    gflops: null,
    gbps: null,
    work: { ...work, dispatchesPerLayer: dispatches / layers, limitMs: null },
    families,
    assumed: ASSUMED_SHARES,
    expected: EXPECTED_DEVICES.map((device) => expectedOn(device, { families, dispatches, readbacks })),
  };
}
