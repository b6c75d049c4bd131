/**
 * The queue of a comparison: every entry is pruned from the clean model and measured on the same texts. One entry that
 * fails does not stop the others; what was measured before, under the same model, texts and settings, is not run again.
 */
import { canonicalJson } from '../core/canonicalJson';
import {
  compareEntries,
  isDone,
  unequalZeros,
  type CompareEntry,
  type CompareSpec,
  type Comparison,
  type ComparisonRow,
  type DoneRow,
  type RowFigures,
  type SearchTrial,
} from '../core/comparison';
import { LabError, throwIfAborted } from '../core/errors';
import { sha256Hex } from '../core/hash';
import type { TextRecord } from '../core/report';
import { defaultSpec, type LabSpec, type TextName } from '../core/spec';
import { ENGINE_VERSION } from '../core/version';
import { deviceName } from '../core/words';
import { pointScore } from '../eval/betaChoice';
import { withPairs } from '../eval/comparePairs';
import { perplexityOf } from '../eval/perplexity';
import { findAllocation } from '../pruning/allocations';
import { selectAndReport } from './bothTexts';
import { checkMethods, entrySpec, entryWeight, givenBeta, TimeLeft } from './compareEntry';
import type { BothFigures, JobIo, Lab } from './lab';
import type { LabEvent } from './protocol';
import type { ResolvedText } from './texts';

type Texts = Record<TextName, ResolvedText>;

/**
 * Runs what `known` does not hold yet; 'compared' events give the record so far, at the start and after every row.
 * SpecError when an id is unknown or nothing is listed, and where `known` is of another model, texts or settings, unless
 * it is to be dropped then.
 */
export async function compare(
  lab: Lab,
  spec: CompareSpec,
  known: Comparison | null,
  io: JobIo,
  other: 'refuse' | 'drop' = 'refuse',
): Promise<Comparison> {
  const entries = compareEntries(spec);
  checkMethods(spec, entries);
  const { engine, record: model } = lab.loaded;
  const layers = model.layers;
  const sample: LabSpec = { ...defaultSpec(), ...spec.base };
  const texts = (await lab.texts(sample, undefined, io)) as Texts;
  const records = Object.fromEntries(
    Object.entries(texts).map(([which, text]) => [which, text.record]),
  ) as Record<TextName, TextRecord>;
  const id = await comparisonId(spec, model.sha256, records);
  if (known && known.id !== id) {
    if (other === 'refuse') throw otherComparison(known, model.sha256);
    known = null;
  }
  const rows = new Map<string, ComparisonRow>();
  for (const row of known?.rows ?? []) if (isDone(row)) rows.set(row.key, row);
  const pending = entries.filter(({ key }) => !rows.has(key));
  const dense =
    known && pending.length === 0 ? known.dense : await measureDense(lab, sample, texts, entries, io);
  const warnings = [
    ...new Set([
      ...lab.loaded.plan.warnings,
      ...Object.values(texts).flatMap(({ warning }) => warning ?? []),
    ]),
  ];
  if (known && deviceName(known.device) !== deviceName(lab.ctx.record))
    warnings.push(
      `Rows from before were measured on ${deviceName(known.device)}; their seconds are not comparable.`,
    );
  const soFar = (): Comparison => {
    const measured = entries.flatMap(({ key }) => rows.get(key) ?? []);
    return {
      schema: 'prunelab.compare/1',
      id,
      version: ENGINE_VERSION,
      spec,
      model,
      device: lab.ctx.record,
      texts: records,
      dense,
      rows: withPairs(spec, measured),
      warnings: [...warnings, ...unequalZeros(measured)],
    };
  };
  const publish = (): void => io.emit({ type: 'compared', job: io.job, comparison: soFar() });
  publish();

  const unitsOfPass = engine.tokenUnits * texts.calibration.windows.tokens;
  const queue = pending.map((entry) => ({
    entry,
    pruner: entry.pruner.text,
    weight: entryWeight(spec, entry, layers),
  }));
  const timeLeft = new TimeLeft();
  for (const [index, { entry, pruner, weight }] of queue.entries()) {
    throwIfAborted(io.signal);
    const stage = `Entry ${entries.indexOf(entry) + 1} of ${entries.length}, ${entry.pruner.text}, ${entry.allocation.text}, ${entry.sparsity}`;
    const watch = new EntryWatch(io, stage, (fraction) => {
      const rest = timeLeft.of([{ pruner, weight: weight * (1 - fraction) }, ...queue.slice(index + 1)]);
      return { done: (entries.indexOf(entry) + fraction) / entries.length, secondsLeft: rest };
    });
    const row = await runEntry(lab, spec, entry, { watch, weight, unitsOfPass, said: warnings });
    if (isDone(row)) timeLeft.add(pruner, weight, row.cost.ms);
    rows.set(entry.key, row);
    publish();
  }
  return soFar();
}

/** Rows of one id are of the same model, texts, settings and engine, whichever methods they are of. */
function comparisonId(
  { base }: CompareSpec,
  modelSha256: string,
  texts: Record<TextName, TextRecord>,
): Promise<string> {
  const { model: _model, texts: _texts, ...settings } = base;
  const shas = [texts.calibration.sha256, texts.select.sha256, texts.report.sha256];
  return sha256Hex(canonicalJson([modelSha256, shas, settings, ENGINE_VERSION]));
}

function otherComparison(known: Comparison, modelSha256: string): LabError {
  const what =
    known.model.sha256 !== modelSha256
      ? `the model ${known.model.name}`
      : known.version !== ENGINE_VERSION
        ? `version ${known.version}`
        : 'other texts or settings';
  return new LabError(
    'SpecError',
    `The comparison to go on with was made with ${what}.`,
    'Give the same model, texts, seeds and settings, or begin anew.',
  );
}

/** The dense model on both texts, and its block outputs on the text of the errors: shared by all entries. */
async function measureDense(
  lab: Lab,
  spec: LabSpec,
  texts: Texts,
  entries: readonly CompareEntry[],
  io: JobIo,
): Promise<Comparison['dense']> {
  const { engine } = lab.loaded;
  return lab.withRecorder(io, 'Measuring the dense model', async (rec, meter) => {
    const both = await selectAndReport(texts.select, texts.report);
    meter.total(engine.referenceUnits(both.text));
    const losses = await engine.denseLosses(rec, both.text, meter);
    if (entries.some(({ allocation }) => findAllocation(allocation.id).hasBeta)) {
      meter.total(engine.referenceUnits(texts.select));
      await engine.denseLosses(rec, texts.select, meter);
    }
    await engine.fillDense(rec, texts[spec.errorsOn], meter);
    const figures = (own: number[]): Comparison['dense']['select'] => ({
      perplexity: perplexityOf(own),
      losses: own,
    });
    return { select: figures(both.selectLosses(losses)), report: figures(both.reportLosses(losses)) };
  });
}

/** Time and work of one entry, and its progress as that of the queue. */
class EntryWatch {
  readonly work = { units: 0, dispatches: 0 };
  readonly trials: SearchTrial[] = [];
  readonly io: JobIo;
  readonly #startMs = performance.now();
  #heldMs = 0;
  #from = 0;
  #share = 1;

  constructor(
    io: JobIo,
    stage: string,
    place: (fraction: number) => { done: number; secondsLeft: number | null },
  ) {
    this.io = {
      ...io,
      work: this.work,
      gate: () => {
        const held = io.gate?.();
        const fromMs = performance.now();
        return held?.finally(() => (this.#heldMs += performance.now() - fromMs));
      },
      emit: (event: LabEvent) => {
        if (event.type === 'point') this.trial(pointScore(event.point), event.point.beta);
        else if (event.type === 'trial') this.trial(event.search.trials.at(-1)?.perplexity ?? null);
        else if (event.type === 'progress') {
          const { done, secondsLeft } = place(
            this.#from + this.#share * (event.total > 0 ? event.done / event.total : 0),
          );
          io.emit({
            ...event,
            stage,
            done,
            total: 1,
            unit: 'fraction',
            secondsLeft: secondsLeft ?? event.secondsLeft,
          });
        } else if (event.type !== 'layers') io.emit(event);
      },
    };
  }

  /** Milliseconds since the entry began, waiting left out. */
  get ms(): number {
    return performance.now() - this.#startMs - this.#heldMs;
  }

  /** What follows is this part of the entry. */
  part(from: number, share: number): void {
    this.#from = from;
    this.#share = share;
  }

  trial(perplexity: number | null, beta?: number): void {
    // Negative betas are the control: they are measured, not chosen.
    const before = this.trials.at(-1)?.best ?? null;
    const counts = perplexity !== null && (beta ?? 0) >= 0;
    const best = counts && (before === null || perplexity < before) ? perplexity : before;
    this.trials.push({ ms: this.ms, perplexity, best, ...(beta !== undefined && { beta }) });
  }
}

async function runEntry(
  lab: Lab,
  spec: CompareSpec,
  entry: CompareEntry,
  job: { watch: EntryWatch; weight: number; unitsOfPass: number; said: readonly string[] },
): Promise<ComparisonRow> {
  const { watch, weight } = job;
  const { beta: _, ...params } = { ...entry.pruner.set, ...entry.allocation.set };
  const head = {
    key: entry.key,
    pruner: entry.pruner.id,
    allocation: entry.allocation.id,
    params,
    sparsity: entry.sparsity,
  };
  try {
    const dense = entrySpec(spec, entry);
    const { hasBeta } = lab.plan(dense);
    if (dense.pattern !== 'free' && entry.allocation.id !== 'uniform' && !hasBeta)
      throw new LabError(
        'SpecError',
        `Pattern ${dense.pattern} fixes the rate of every layer: the allocation ${entry.allocation.id} decides nothing.`,
      );
    const given = hasBeta ? givenBeta(entry) : 0;
    let beta = given === 'auto' ? 0 : given;
    lab.plan({ ...dense, beta });
    let searchMs = 0;
    if (given === 'auto') {
      watch.part(0, (weight - 1) / weight);
      const kind = spec.base.stats === 'dense' ? 'preview' : 'exact';
      const curve = await lab.sweep(dense, { kind, betas: spec.base.betas ?? null, fresh: true }, watch.io);
      beta = curve.best ?? 0;
      searchMs = watch.ms;
      watch.part((weight - 1) / weight, 1 / weight);
    }
    const measured = await lab.runBoth({ ...dense, beta }, beta, watch.io);
    return doneRow(head, measured, { ...job, searchMs, beta: hasBeta ? beta : null });
  } catch (cause) {
    const error = LabError.from(cause);
    if (error.kind === 'CancelledError' || error.kind === 'DeviceLostError') throw error;
    const { stack: _stack, ...plain } = error.toPlain();
    return { ...head, status: error.kind === 'SpecError' ? 'skipped' : 'failed', error: plain };
  }
}

function doneRow(
  head: Pick<DoneRow, 'key' | 'pruner' | 'allocation' | 'params' | 'sparsity'>,
  { report, select }: BothFigures,
  job: {
    watch: EntryWatch;
    unitsOfPass: number;
    searchMs: number;
    beta: number | null;
    /** Warnings that hold for the whole comparison. */
    said: readonly string[];
  },
): DoneRow {
  const { watch, unitsOfPass, searchMs, beta, said } = job;
  const { perplexity, sparsity, errors, allocation } = report;
  if (!sparsity || !errors || !allocation) throw new LabError('InternalError', 'A run gave no figures.');
  const counts = Object.values(sparsity.matrices);
  const total = (key: 'zeros' | 'count'): number => counts.reduce((sum, m) => sum + m[key], 0);
  const { dense: _, ...selectFigures } = select;
  const reportFigures: RowFigures = {
    perplexity: perplexity.pruned ?? null,
    kl: perplexity.kl ?? null,
    topOne: perplexity.topOne ?? null,
    ...(perplexity.pruned === null && { diverged: true as const }),
    losses: perplexity.losses?.pruned ?? [],
    ...(perplexity.bySeed && {
      bySeed: perplexity.bySeed,
      mean: perplexity.mean ?? null,
      min: perplexity.min ?? null,
      max: perplexity.max ?? null,
    }),
  };
  return {
    ...head,
    status: 'done',
    run: report.id,
    requested: sparsity.requested,
    achieved: sparsity.achieved,
    zeros: total('zeros'),
    count: total('count'),
    perplexity: { select: selectFigures, report: reportFigures },
    errors: {
      text: errors.text,
      kind: errors.kind,
      cumulative: errors.layers.map((row) => row.cumulative),
      dense: errors.layers.map((row) => row.dense),
    },
    layers: { asked: allocation.sparsity, achieved: sparsity.layers },
    beta,
    ...(allocation.fallback !== undefined && { fallback: allocation.fallback }),
    ...(watch.trials.length > 0 && { search: { by: head.allocation, trials: watch.trials } }),
    cost: {
      ms: watch.ms,
      searchMs: searchMs || (watch.trials.at(-1)?.ms ?? 0),
      modelPasses: watch.work.units / unitsOfPass,
      dispatches: watch.work.dispatches,
      stages: Object.fromEntries(Object.entries(report.timings).map(([stage, { ms }]) => [stage, ms])),
    },
    warnings: report.warnings.filter((warning) => !said.includes(warning)),
  };
}
