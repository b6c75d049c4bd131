/** Prunings that several experiments share: points of the beta curve, shapes at the same mean. */
import { LabError } from '../../core/errors';
import type { CurveRow, ScheduleRow, TheoremId, TheoryTrial } from '../../core/theory';
import { bestOf } from '../../eval/theory/labFit';
import { scheduleRow } from '../../eval/theory/orders';
import { SHAPES, shapeRates } from '../../eval/theory/schedules';
import { meanOfAll } from '../../eval/theory/statistics';
import { figure } from '../../eval/theory/words';
import { atpRates, betaGrid } from '../../pruning/allocations';
import { parametersOf, type TheoryRun } from './run';

export interface Schedule {
  name: string;
  rates: number[];
}

/** Betas of the grid without the control 0. SpecError for a model of one layer. */
export function gridOf({ layers, spec }: Pick<TheoryRun, 'layers' | 'spec'>): number[] {
  const grid = betaGrid(spec.base.sparsity, layers);
  if (grid.length === 0)
    throw new LabError(
      'SpecError',
      'A model of one layer has no schedule: only 3.1 and 3.2 can be put on trial.',
    );
  return grid;
}

/** The spec's beta where it is positive: the grid is not measured to choose one. */
export function givenBeta({ spec }: Pick<TheoryRun, 'spec'>): number | null {
  const { beta } = spec.base;
  return typeof beta === 'number' && beta > 0 ? beta : null;
}

export function ratesOfBeta(run: Pick<TheoryRun, 'layers' | 'spec'>, beta: number): number[] {
  return atpRates(run.spec.base.sparsity, run.layers, beta);
}

/** Measures every schedule on the given seeds, seed by seed; `onTrial` hears of each with all trials so far. */
export async function measureAll(
  run: TheoryRun,
  theorem: TheoremId,
  schedules: readonly Schedule[],
  seeds: readonly number[],
  onTrial: (trials: readonly TheoryTrial[][]) => void,
): Promise<void> {
  const trials: TheoryTrial[][] = schedules.map(() => []);
  for (const seed of seeds)
    for (const [i, { name, rates }] of schedules.entries()) {
      const label = seeds.length > 1 ? `${name}, seed ${seed}` : name;
      trials[i]?.push(await run.trial(theorem, label, seed, rates));
      onTrial(trials);
    }
}

/** Those that have been measured at least once. */
export function rowsOf(schedules: readonly Schedule[], trials: readonly TheoryTrial[][]): ScheduleRow[] {
  return schedules.flatMap(({ name }, i) => {
    const own = trials[i] ?? [];
    return own.length > 0 ? [scheduleRow(name, own)] : [];
  });
}

/** The beta-perplexity curve on these seeds; `onRow` hears of what is there. */
export async function curveOf(
  run: TheoryRun,
  theorem: TheoremId,
  betas: readonly number[],
  seeds: readonly number[],
  onRows: (rows: CurveRow[]) => void = () => undefined,
): Promise<CurveRow[]> {
  const schedules = betas.map((beta) => ({ name: `beta ${figure(beta)}`, rates: ratesOfBeta(run, beta) }));
  let rows: CurveRow[] = [];
  await measureAll(run, theorem, schedules, seeds, (trials) => {
    rows = betas.flatMap((beta, i) => {
      const perplexity = (trials[i] ?? []).map((trial) => trial.perplexity);
      return perplexity.length > 0 ? [{ beta, perplexity, mean: meanOfAll(perplexity) }] : [];
    });
    onRows(rows);
  });
  return rows;
}

/** Said where there is no such beta. */
export const NO_BETA = 'The model diverged at every beta of the grid';

/**
 * The beta that schedules are made with: the spec's, or the best positive one of the grid on the main seed; null where
 * the model diverges at all of them.
 */
export async function chosenBeta(run: TheoryRun, theorem: TheoremId): Promise<number | null> {
  const given = givenBeta(run);
  if (given !== null) {
    run.skip(gridOf(run).length);
    return given;
  }
  const rows = await curveOf(run, theorem, gridOf(run), [run.mainSeed]);
  return bestOf(rows)?.beta ?? null;
}

/** How many schedules `shapes` gives. */
export const SHAPE_COUNT = Object.keys(SHAPES).length + 4;

/** Schedules of the target mean: shapes that span beta (L - 1), the reversed one, uniform, OWL, AlphaPruning. */
export async function shapes(run: TheoryRun, beta: number): Promise<Schedule[]> {
  const { base } = run.spec;
  const span = beta * (run.layers - 1);
  const arithmetic = ratesOfBeta(run, beta);
  const out: Schedule[] = Object.entries(SHAPES).map(([name, shape]) => ({
    name,
    // The very rates of ATP, so that they are measured once.
    rates: name === 'arithmetic' ? arithmetic : shapeRates(shape, base.sparsity, span, run.sizes),
  }));
  out.push({ name: 'reversed', rates: [...arithmetic].reverse() }, { name: 'uniform', rates: run.uniform() });
  for (const [id, name] of [
    ['owl', 'OWL'],
    ['alphapruning', 'AlphaPruning'],
  ] as const) {
    const { seeds: _, betas: _b, layerSparsity: _l, ...rest } = base;
    const spec = { ...rest, allocation: id, beta: 0, set: { ...parametersOf(base), exactMean: true } };
    const allocation = await run.lab.allocation(spec, run.io(`Rates of ${name}`));
    if (allocation.fallback !== undefined) run.warn(`${name}: ${allocation.fallback}`);
    out.push({ name, rates: allocation.sparsity });
  }
  return out;
}
