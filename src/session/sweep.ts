/** The points of a beta-perplexity curve: one pruning run of the clean model for each beta and calibration draw. */
import type { Curve, CurvePoint, LayerErrors, SearchRecord, SeedFigures, StatsKind } from '../core/report';
import type { LabSpec, TextName } from '../core/spec';
import { seedRange } from '../eval/seeds';
import type { Recorder } from '../gpu/recorder';
import type { Engine, Meter } from './engine';
import { figuresOf } from './figures';
import { ratesFor, type RunPlan } from './plan';
import type { SeedDraw } from './seeds';
import type { ResolvedText } from './texts';
import { workSince } from './timings';

export interface CurveJob {
  engine: Engine;
  plan: RunPlan;
  spec: LabSpec;
  kind: StatsKind;
  /** Ascending. */
  betas: readonly number[];
  texts: Record<TextName, ResolvedText>;
  /** Calibration draws of several seeds, the main one among them; empty for one measurement of the main seed. */
  draws: readonly SeedDraw[];
  /** Points measured before; the new ones are added. */
  known: Map<number, CurvePoint>;
  onPoint(point: CurvePoint): void;
}

/** Measures what is not known yet; `onPoint` hears of every point in order. */
export async function measureCurve(job: CurveJob, rec: Recorder, meter: Meter): Promise<void> {
  const { engine, texts, known, betas, draws } = job;
  const missing = betas.filter((b) => !known.has(b)).length;
  if (missing > 0) meter.total(engine.referenceUnits(texts.select) + pointUnits(job) * missing);
  const inner: Meter = { total: () => undefined, add: (units) => meter.add(units) };
  for (const beta of betas) {
    let point = known.get(beta);
    if (!point) {
      point = await measurePoint(job, beta, rec, inner);
      if (draws.length > 0) {
        const bySeed: SeedFigures[] = [];
        for (const draw of draws) bySeed.push(await seedFigures(job, beta, draw, point, rec, inner));
        point = { ...point, ...seedRange(bySeed) };
      }
      known.set(beta, point);
    }
    job.onPoint(point);
  }
}

/** Units of one point: every draw through its passes, the select text through blocks and head. */
function pointUnits({ engine, plan, kind, texts, draws }: CurveJob): number {
  const { layers } = engine.model.config;
  const walks = kind === 'exact' && plan.needsInputs;
  const evaluated = texts.select.windows.tokens * engine.comparedTokenUnits;
  const calibrations = draws.length > 0 ? draws.map((d) => d.calibration) : [texts.calibration];
  return calibrations.reduce(
    (sum, text) => sum + evaluated + (walks ? 2 * layers * text.windows.tokens : 0),
    0,
  );
}

/** The point of the main seed. */
async function measurePoint(job: CurveJob, beta: number, rec: Recorder, meter: Meter): Promise<CurvePoint> {
  const { engine, plan, spec, kind, texts } = job;
  const { rates, allocation } = ratesFor(engine.model.plan, plan, beta);
  const startMs = performance.now();
  const before = { ...rec.work };
  // Errors cost no pass of their own on a text that the point's own pass runs through.
  const walksCalibration = plan.needsInputs && kind === 'exact';
  const free = spec.errorsOn === 'select' || (spec.errorsOn === 'calibration' && walksCalibration);
  const errors = free ? { text: texts[spec.errorsOn], kind: 'cumulative' as const } : undefined;
  const result = await engine.prune(
    rec,
    {
      plan,
      rates,
      statistics: kind === 'exact' ? 'exact' : 'dense',
      calibration: texts.calibration,
      errors,
      evaluate: texts.select,
    },
    meter,
  );
  return {
    beta,
    ...figuresOf(result),
    ms: performance.now() - startMs,
    work: workSince(rec, before),
    sparsity: allocation.sparsity,
    cumulative: errors ? finiteOrNull(result.errors) : null,
  };
}

/** Figures of one draw; those of the main seed are at hand. */
async function seedFigures(
  job: CurveJob,
  beta: number,
  { seed, calibration }: SeedDraw,
  main: CurvePoint,
  rec: Recorder,
  meter: Meter,
): Promise<SeedFigures> {
  const { engine, plan, spec, kind, texts } = job;
  const sha256 = calibration.record.sha256;
  if (seed === spec.seed) {
    const { perplexity, kl = null, topOne = null, diverged, losses } = main;
    return { seed, calibration: sha256, perplexity, kl, topOne, ...(diverged && { diverged }), losses };
  }
  const { rates } = ratesFor(engine.model.plan, plan, beta);
  const statistics = kind === 'exact' ? ('exact' as const) : ('dense' as const);
  const result = await engine.prune(
    rec,
    { plan, rates, statistics, calibration, evaluate: texts.select },
    meter,
  );
  return { seed, calibration: sha256, ...figuresOf(result) };
}

function finiteOrNull(rows: readonly LayerErrors[]): number[] | null {
  const values = rows.map((r) => r.cumulative);
  return values.every((v) => v !== null) ? values : null;
}

/** A sweep as a search among others. */
export function searchOf({ points, best }: Curve): SearchRecord {
  const trials = points.map(({ beta, perplexity, ms = 0, sparsity }) => ({
    perplexity,
    ms,
    rates: sparsity,
    beta,
  }));
  const found = points.findIndex(({ beta }) => beta === best);
  return { kind: 'beta', budget: points.length, trials, best: found < 0 ? null : found };
}

/** What a sweep found, without what it took: the same spec gives the same record. */
export function untimed(curve: Curve): Curve {
  return { ...curve, points: curve.points.map(({ ms: _, work: __, ...point }) => point) };
}
