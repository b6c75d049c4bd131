/**
 * The paper's claims on trial (docs/methods.md, theory): every experiment measures, draws its conclusion and is done.
 * What an earlier record of the same model, texts and settings holds is not measured again.
 */
import { canonicalJson } from '../../core/canonicalJson';
import { LabError } from '../../core/errors';
import { sha256Hex } from '../../core/hash';
import type { TextRecord } from '../../core/report';
import type { TextName } from '../../core/spec';
import { THEOREMS, type TheoremId, type TheoryRecord, type TheorySpec } from '../../core/theory';
import { ENGINE_VERSION } from '../../core/version';
import { perplexityOf } from '../../eval/perplexity';
import { checkBeta } from '../../pruning/allocations';
import type { JobIo, Lab } from '../lab';
import { seedDraws } from '../seeds';
import { checkSpec, ratesSpec, TheoryRun, type Texts } from './run';

export interface TheoryOptions {
  /** What was measured before. */
  known: TheoryRecord | null;
  /** What becomes of `known` where it is of another model, texts or settings. */
  other: 'refuse' | 'drop';
}

/** How many measurements an experiment takes at most, and how they are made. */
export interface Trial {
  steps(run: Pick<TheoryRun, 'layers' | 'spec' | 'draws'>): number;
  run(run: TheoryRun): Promise<void>;
}

/** Each is fetched when it is asked for. */
const TRIALS: Readonly<Record<TheoremId, () => Promise<Trial>>> = {
  '3.1': () => import('./monotone').then((m) => m.monotone),
  '3.2': () => import('./bounds').then((m) => m.bounds),
  '3.4': () => import('./spread').then((m) => m.spread),
  '3.5': () => import('./orders').then((m) => m.orders),
  lab: () => import('./labTheory').then((m) => m.labTheory),
  convexity: () => import('./convexity').then((m) => m.convexity),
  proxy: () => import('./proxy').then((m) => m.proxy),
};

/** SpecError for a spec that makes no sense, or a `known` of something else that is not to be dropped. */
export async function runTheory(
  lab: Lab,
  spec: TheorySpec,
  { known, other }: TheoryOptions,
  io: JobIo,
): Promise<TheoryRecord> {
  checkSpec(spec);
  const { base } = spec;
  const { engine, plan: model, record: modelRecord } = lab.loaded;
  if (typeof base.beta === 'number') checkBeta(base.beta, base.sparsity, modelRecord.layers);
  const uniform = lab.plan(
    ratesSpec(
      base,
      model.prunablePerLayer.map(() => base.sparsity),
    ),
  );
  const texts = (await lab.texts(base, undefined, io)) as Texts;
  const seeded = await seedDraws(lab.loaded.texts, { ...base, seeds: spec.seeds }, uniform);
  const all = seeded.draws.length > 0 ? seeded.draws : [{ seed: base.seed, calibration: texts.calibration }];
  const draws = [...all].sort((a, b) => Number(b.seed === base.seed) - Number(a.seed === base.seed));
  const records = Object.fromEntries(
    Object.entries(texts).map(([which, text]) => [which, text.record]),
  ) as Record<TextName, TextRecord>;
  const id = await theoryId(spec, modelRecord.sha256, records);
  if (known && known.id !== id) {
    if (other === 'refuse')
      throw new LabError(
        'SpecError',
        'The trial of the theory to go on with was made of another model, with other texts, settings or another version.',
        'Give the same model, texts, seeds and settings, or begin anew.',
      );
    known = null;
  }
  const wanted = THEOREMS.filter((theorem) => spec.theorems.includes(theorem));
  const trials = await Promise.all(wanted.map((theorem) => TRIALS[theorem]()));
  const place = (theorem: TheoremId): number => {
    const at = wanted.indexOf(theorem);
    return at < 0 ? wanted.length + THEOREMS.indexOf(theorem) : at;
  };
  const shape = { layers: modelRecord.layers, spec, draws };
  const record: TheoryRecord = {
    schema: 'prunelab.theory/1',
    id,
    version: ENGINE_VERSION,
    spec: { ...spec, theorems: wanted },
    model: modelRecord,
    device: lab.ctx.record,
    texts: records,
    seeds: draws.map(({ seed }) => seed),
    densePerplexity: known?.densePerplexity ?? (await densePerplexity()),
    experiments: known ? structuredClone(known.experiments) : [],
    trials: known ? structuredClone(known.trials) : [],
    warnings: [
      ...new Set([...model.warnings, ...Object.values(texts).flatMap(({ warning }) => warning ?? [])]),
    ],
  };
  if (seeded.warning) record.warnings.push(seeded.warning);
  if (known && known.device.description !== lab.ctx.record.description)
    record.warnings.push(`Measurements from before were made on ${known.device.description}.`);
  const steps = trials.reduce((sum, trial) => sum + trial.steps(shape), 0);
  const run = new TheoryRun(lab, record, { texts, draws, io, steps });
  run.publish();
  for (const trial of trials) await trial.run(run);
  record.experiments.sort((a, b) => place(a.theorem) - place(b.theorem));
  return record;

  function densePerplexity(): Promise<number | null> {
    return lab.withRecorder(io, 'Measuring the dense model', async (rec, meter) => {
      meter.total(engine.referenceUnits(texts.select));
      return perplexityOf(await engine.denseLosses(rec, texts.select, meter));
    });
  }
}

function theoryId(
  { base, theorems: _t, runs: _r, ...settings }: TheorySpec,
  modelSha256: string,
  texts: Record<TextName, TextRecord>,
): Promise<string> {
  const { model: _m, texts: _x, allocation: _a, layerSparsity: _l, ...own } = base;
  const shas = [texts.calibration.sha256, texts.select.sha256, texts.report.sha256];
  return sha256Hex(canonicalJson([modelSha256, shas, own, settings, ENGINE_VERSION]));
}
