/** The calibration draws of a spec that lists several seeds. */
import type { LabSpec } from '../core/spec';
import type { RunPlan } from './plan';
import type { ResolvedText, TextStore } from './texts';

export interface SeedDraw {
  seed: number;
  calibration: ResolvedText;
}

export interface SeedDraws {
  /** In the order of the list, the main seed among them; empty where one measurement says it all. */
  draws: SeedDraw[];
  /** Why a list decides nothing. */
  warning: string | null;
}

/** TextError as any text. No draws without a list, with windows given by hand, or for a pruner that reads no text. */
export async function seedDraws(texts: TextStore, spec: LabSpec, plan: RunPlan): Promise<SeedDraws> {
  const { seeds } = spec;
  if (!seeds) return { draws: [], warning: null };
  const nothing = (why: string): SeedDraws => ({
    draws: [],
    warning: `The seeds ${seeds.join(', ')} decide nothing: ${why}. One measurement stands for all.`,
  });
  if (/\.json$/i.test(spec.texts.calibration))
    return nothing(`the calibration windows are given by ${spec.texts.calibration}, so nothing is drawn`);
  if (plan.statistics.length === 0) return nothing(`${plan.pruner.label} needs no calibration text`);
  const draws: SeedDraw[] = [];
  for (const seed of seeds)
    draws.push({ seed, calibration: await texts.resolve({ ...spec, seed }, 'calibration') });
  return { draws, warning: null };
}
