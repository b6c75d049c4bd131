/** What a job of the loaded model will take, before it starts: memory from shapes, time from the device's pace. */
import type { LabSpec, TextName } from '../core/spec';
import type { Lab } from './lab';
import { memoryOf } from './memory/jobs';
import { planRun, sweepBetas, type RunPlan } from './plan';
import type { JobKind, Prediction } from './protocol';
import { searchUnits } from './searchUnits';
import { seedDraws } from './seeds';
import type { ResolvedText } from './texts';

export async function predict(lab: Lab, kind: JobKind, spec: LabSpec): Promise<Prediction> {
  const { engine, plan: model, texts: store } = lab.loaded;
  const { software } = lab.ctx.record;
  const plan = planRun(model, { ...spec, beta: 0 });
  const texts = (await lab.texts(spec)) as Record<TextName, ResolvedText>;
  const { layers } = model.config;
  const tokens = (which: TextName): number => texts[which].windows.tokens;
  const calibration = tokens('calibration');
  const passes = !plan.needsInputs ? 0 : 2;
  const runs = Math.max(1, (await seedDraws(store, spec, plan)).draws.length);
  const gradient = await gradientUnitsOf(lab, plan, texts.calibration);
  let units = 0;
  if (kind === 'run' || kind === 'export') {
    const trial =
      layers * calibration * (spec.stats === 'dense' ? 0 : passes) +
      tokens('select') * engine.comparedTokenUnits;
    units =
      gradient * runs +
      searchUnits(plan, { trial, calibration, sequences: texts.calibration.record.windows, layers }) +
      layers * (calibration * passes * runs + 2 * tokens(spec.errorsOn)) +
      tokens('report') * engine.comparedTokenUnits * runs +
      engine.referenceUnits(texts.report);
  } else if (kind === 'sweep') {
    const points = sweepBetas(plan, null).length;
    units =
      gradient * runs +
      points *
        runs *
        (layers * calibration * (software ? 0 : passes) + tokens('select') * engine.comparedTokenUnits) +
      engine.referenceUnits(texts.select);
  } else if (kind === 'tick') units = layers * tokens(spec.errorsOn);
  const flops = units * engine.flopsPerBlockToken();
  const work =
    kind === 'sweep'
      ? [{ kind, statistics: software ? ('dense' as const) : ('exact' as const) }]
      : kind === 'run' || kind === 'tick' || kind === 'export'
        ? [{ kind }]
        : [];
  return {
    bytes: memoryOf(engine, spec, work, texts).predictedBytes,
    seconds: flops > 0 ? flops / (lab.ctx.pacer.costPerMs * 1000) : null,
    lever:
      kind === 'sweep'
        ? 'Fewer or shorter evaluation windows make it quicker.'
        : 'Fewer or shorter calibration sequences lower memory and time.',
  };
}

/** Work of the gradients that a pruner asks for, none where they are at hand. */
async function gradientUnitsOf(
  lab: Lab,
  { statistics }: RunPlan,
  calibration: ResolvedText,
): Promise<number> {
  const signed = statistics.includes('gradientSum');
  if (!signed && !statistics.includes('gradient')) return 0;
  const { gradientUnits } = await import('./gradients');
  return gradientUnits(lab.loaded.engine, calibration, signed ? 'sum' : 'squared');
}
