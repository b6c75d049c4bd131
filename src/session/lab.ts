/**
 * The engine's façade: one device, at most one model, jobs that take a spec and give plain records. The worker and the
 * command line both use it; neither React nor the worker boundary is known here.
 */
import { LabError } from '../core/errors';
import { describeFound } from '../core/foundPruning';
import type {
  AllocationRecord,
  Curve,
  CurvePoint,
  ModelRecord,
  RunReport,
  SearchRecord,
  SeedFigures,
  SeedRange,
  StatsKind,
  TextRecord,
} from '../core/report';
import type { LabSpec, TextName } from '../core/spec';
import { runId, sameSpec } from '../core/runId';
import { ENGINE_VERSION } from '../core/version';
import { anyDiverged } from '../eval/errorSums';
import { findLeaks, leakWarning } from '../eval/leakage';
import { perplexityOf } from '../eval/perplexity';
import { seedRange } from '../eval/seeds';
import type { GpuContext } from '../gpu/context';
import { Recorder } from '../gpu/recorder';
import { openModel } from '../formats/hfModel';
import type { ModelFiles } from '../formats/source';
import { planModel, type ModelPlan } from '../models/inspect';
import { loadModel } from '../models/load';
import { findAllocation } from '../pruning/allocations';
import { bestBeta, tiedBetas } from '../eval/betaChoice';
import { firstTokens } from './cutText';
import { Engine, layerSparsity, matrixCounts, partCounts, type MaskState, type Meter } from './engine';
import { reportOnly, selectAndReport, type EvaluatedText } from './bothTexts';
import { figuresOf, type Figures } from './figures';
import { foundPruning } from './foundPruning';
import type { LabHost, TextIo } from './host';
import { maskHashes } from './fileLayout';
import type { FoundAllocation } from './facts';
import { needsFacts, planRun, ratesFor, sweepBetas, type LayerRates, type RunPlan } from './plan';
import { ProgressMeter } from './progress';
import type { JobKind, LabEvent, MemoryUsage, ModelSummary, Prediction, TickResult } from './protocol';
import { seedDraws, type SeedDraw, type SeedDraws } from './seeds';
import { measureCurve, searchOf, untimed } from './sweep';
import { TextStore, type ResolvedText, type UserText } from './texts';
import { Timings } from './timings';

/** What a job needs from whoever started it. */
export interface JobIo {
  job: number;
  signal?: AbortSignal;
  gate?: () => Promise<void> | undefined;
  emit: (event: LabEvent) => void;
  /** Sums up what the job did. */
  work?: { units: number; dispatches: number };
}

/** A run's report, and what was measured on the select text beside it. */
export interface BothFigures {
  report: RunReport;
  select: Figures & Partial<SeedRange> & { dense: number[] };
}

const TEXTS: readonly TextName[] = ['calibration', 'select', 'report'];
/** On a software adapter a drag measures this many tokens, so that the curve follows the hand. */
const SLOW_TICK_TOKENS = 128;

interface Loaded {
  engine: Engine;
  plan: ModelPlan;
  texts: TextStore;
  record: ModelRecord;
}

export class Lab {
  readonly ctx: GpuContext;
  /** Measure kernels before a model is loaded: by default on hardware only, true anew and everywhere, false never. */
  tune: boolean | undefined;
  readonly #host: LabHost;
  readonly #userTexts = new Map<TextName, UserText>();
  /** Sweep points by everything but beta. */
  readonly #points = new Map<string, Map<number, CurvePoint>>();
  /** The last whole run and the key of its masks. */
  #last: { key: string; report: RunReport } | null = null;
  #loaded: Loaded | null = null;

  constructor(ctx: GpuContext, host: LabHost) {
    this.ctx = ctx;
    this.#host = host;
  }

  get host(): LabHost {
    return this.#host;
  }

  /** Reads headers and config only. FormatError or ModelError when the model cannot be used. */
  static async inspect(files: ModelFiles): Promise<ModelPlan> {
    return planModel(await openModel(files));
  }

  /** Replaces the loaded model. `name` is what reports call it. */
  async load(files: ModelFiles, io: JobIo, name = files.name): Promise<ModelSummary> {
    const plan = await Lab.inspect(files);
    this.unload();
    if (this.tune ?? !this.ctx.record.software) {
      const { tuneKernels } = await import('./tuning');
      await tuneKernels(this.ctx, plan.config, plan.dtype, this.#host.storage, {
        signal: io.signal,
        force: this.tune,
      });
    }
    this.ctx.ledger.resetPeak();
    const startMs = performance.now();
    const model = await loadModel(this.ctx, plan, {
      signal: io.signal,
      onProgress: ({ doneBytes, totalBytes }) => {
        const seconds = (performance.now() - startMs) / 1000;
        io.emit({
          type: 'progress',
          job: io.job,
          stage: 'Loading the model',
          done: doneBytes,
          total: totalBytes,
          unit: 'bytes',
          tokensPerSecond: null,
          secondsLeft: seconds > 0.5 ? ((totalBytes - doneBytes) / doneBytes) * seconds : null,
        });
      },
    });
    const { config } = plan;
    const record: ModelRecord = {
      name,
      architecture: config.architecture,
      layers: config.layers,
      hidden: config.hidden,
      parameters: plan.parameters,
      prunable: plan.prunable.reduce((sum, m) => sum + m.count, 0),
      dtype: plan.dtype,
      sha256: model.sha256,
      ...files.origin,
    };
    const texts = new TextStore(this.#host, plan.opened, config, this.#userTexts);
    this.#loaded = { engine: new Engine(this.ctx, model), plan, texts, record };
    const found = await foundPruning(model, (text) => plan.warnings.push(text));
    const foundWords = describeFound(found);
    if (foundWords !== null) plan.warnings.push(foundWords);
    return {
      name,
      architecture: config.architecture,
      layers: config.layers,
      hidden: config.hidden,
      context: config.context,
      vocabulary: config.vocabulary,
      parameters: plan.parameters,
      prunable: record.prunable,
      prunablePerLayer: plan.prunablePerLayer,
      matrices: plan.prunable.map((m) => ({
        name: m.name,
        layer: m.layer,
        rows: m.rows,
        cols: m.cols,
        count: m.count,
      })),
      bytes: plan.opened.totalBytes,
      dtype: plan.dtype,
      warnings: plan.warnings,
      sha256: record.sha256,
      zerosAtLoad: found.achieved,
      ...(plan.opened.gguf ? { isGguf: true } : {}),
      found,
    };
  }

  unload(): void {
    this.#loaded?.texts.close();
    this.#loaded?.engine.close();
    this.#loaded = null;
    this.#last = null;
    this.#points.clear();
  }

  /** The loaded model's parts, for generation and export. SpecError when there is none. */
  get loaded(): Loaded {
    if (!this.#loaded) throw new LabError('SpecError', 'No model is loaded.', 'Load one first.');
    return this.#loaded;
  }

  setText(which: TextName, text: UserText | null): void {
    if (text) this.#userTexts.set(which, text);
    else this.#userTexts.delete(which);
    this.#loaded?.texts.setUserText(which, text);
    this.#points.clear();
  }

  plan(spec: LabSpec): RunPlan {
    return planRun(this.loaded.plan, spec);
  }

  memory(): MemoryUsage {
    const { ledger } = this.ctx;
    const of = (kind: Parameters<typeof ledger.bytes>[0]): number => ledger.bytes(kind);
    return {
      weights: of('weights'),
      masks: of('masks'),
      activations: of('activations'),
      denseStreams: of('denseStreams'),
      scratch: of('scratch'),
      cache: of('cache') + (this.#loaded?.engine.cacheBytes ?? 0),
      total: ledger.total,
      peak: ledger.peak,
    };
  }

  /** All three texts; those not in `needed` are left out when they cannot be had. */
  async texts(
    spec: LabSpec,
    needed: readonly TextName[] = TEXTS,
    io?: JobIo,
  ): Promise<Partial<Record<TextName, ResolvedText>>> {
    const out: Partial<Record<TextName, ResolvedText>> = {};
    for (const which of TEXTS) {
      try {
        out[which] = await this.loaded.texts.resolve(spec, which, textIo(io));
      } catch (error) {
        if (needed.includes(which)) throw error;
      }
    }
    return out;
  }

  async #allTexts(spec: LabSpec, io?: JobIo): Promise<Record<TextName, ResolvedText>> {
    return (await this.texts(spec, TEXTS, io)) as Record<TextName, ResolvedText>;
  }

  /** Dense perplexity of the report text. */
  async evaluate(spec: LabSpec, io: JobIo): Promise<RunReport> {
    const { engine } = this.loaded;
    const texts = await this.texts(spec, ['report'], io);
    const report = texts.report as ResolvedText;
    return this.#job(io, 'Measuring perplexity', async (rec, meter) => {
      const timings = new Timings(rec);
      meter.total(engine.denseLossUnits(report));
      const losses = await timings.stage('evaluateDense', () => engine.denseLosses(rec, report, meter));
      return this.#report(spec, texts, timings, {
        perplexity: {
          dense: perplexityOf(losses),
          text: 'report',
          windows: losses.length,
          window: report.record.window,
          ...diverged([perplexityOf(losses)]),
          losses: { dense: losses },
        },
      });
    });
  }

  /**
   * The run of a spec with a beta: prune from a clean model, errors layer by layer (full), zeros, dense and pruned
   * perplexity of the report text. Keeps the masks for generation and export.
   */
  async run(spec: LabSpec, beta: number, io: JobIo, curve?: Curve): Promise<RunReport> {
    return (await this.#run(spec, beta, io, { curve })).report;
  }

  /** The same run, with the select text measured in the same pass; its masks are counted but not kept. */
  async runBoth(spec: LabSpec, beta: number, io: JobIo, curve?: Curve): Promise<BothFigures> {
    const { report, select } = await this.#run(spec, beta, io, { curve, both: true });
    if (!select) throw new LabError('InternalError', 'The select text was not measured.');
    return { report, select };
  }

  async #run(
    spec: LabSpec,
    beta: number,
    io: JobIo,
    { curve, both = false }: { curve?: Curve; both?: boolean },
  ): Promise<{ report: RunReport; select: BothFigures['select'] | null }> {
    const { engine, plan: model } = this.loaded;
    const plan = planRun(model, beta === spec.beta || spec.beta === 'auto' ? spec : { ...spec, beta });
    const texts = await this.#allTexts(spec, io);
    const errorText = texts[spec.errorsOn];
    const evaluated = both ? await selectAndReport(texts.select, texts.report) : reportOnly(texts.report);
    const kind: StatsKind = spec.stats === 'dense' && plan.needsInputs ? 'preview' : 'exact';
    const seeds = await seedDraws(this.loaded.texts, spec, plan);
    return this.#job(
      io,
      kind === 'exact' ? 'Measuring the errors' : 'Measuring the errors (preview)',
      async (rec, meter) => {
        const timings = new Timings(rec);
        const { rates, allocation, warnings } = await timings.stage('allocate', () =>
          this.#rates(plan, beta, texts, rec, meter, (search) =>
            io.emit({ type: 'trial', job: io.job, spec, search }),
          ),
        );
        if (curve && plan.hasBeta) allocation.search = searchOf(curve);
        for (const { beta: tried, ms = 0, work } of curve?.points ?? [])
          if (work) timings.record[`sweep, beta ${tried}`] = { ms, ...work };
        io.emit({ type: 'allocation', job: io.job, spec: { ...spec, beta }, allocation });
        const shape = {
          kind,
          spec: { ...spec, beta },
          text: spec.errorsOn,
          tokens: errorText.windows.tokens,
          hidden: model.config.hidden,
        };
        meter.total(engine.referenceUnits(evaluated.text));
        // First, so that the pruned model finds what it is compared with.
        const allDense = await timings.stage('evaluateDense', () =>
          engine.denseLosses(rec, evaluated.text, meter),
        );
        const dense = evaluated.reportLosses(allDense);
        const result = await timings.stage('prune', () =>
          engine.prune(
            rec,
            {
              plan,
              rates,
              statistics: spec.stats,
              calibration: texts.calibration,
              errors: { text: errorText, kind: 'full' },
              evaluate: evaluated.text,
              ...(both ? { countZeros: true } : { keepAs: this.#maskKey(spec, beta, texts) }),
              onLayer: (layer, row) =>
                row && io.emit({ type: 'layers', job: io.job, ...shape, from: layer, rows: [row] }),
            },
            meter,
          ),
        );
        const split = evaluated.split(result);
        const main = split.report;
        const bySeed = await timings.stage('seeds', () =>
          this.#otherSeeds(
            {
              plan,
              spec,
              // A search is made once, on the main draw; all else is measured on each.
              ratesOf: async (calibration) =>
                allocation.search
                  ? rates
                  : (await this.#rates(plan, beta, { ...texts, calibration }, rec, meter)).rates,
              draws: seeds.draws,
              evaluated,
            },
            split,
            rec,
            meter,
          ),
        );
        const masks = both
          ? undefined
          : await timings.stage('hashMasks', () =>
              maskHashes(rec, engine.model, this.#masksOf(spec, beta, texts).layers),
            );
        const achieved = layerSparsity(engine.model, result.zeros);
        const matrices = matrixCounts(engine.model, result.zeros);
        const parts = partCounts(result.parts);
        const counts = Object.values(matrices);
        const report = await this.#report(
          spec,
          texts,
          timings,
          {
            allocation,
            sparsity: {
              requested: plan.requested,
              achieved:
                counts.reduce((sum, m) => sum + m.zeros, 0) / counts.reduce((sum, m) => sum + m.count, 0),
              layers: achieved,
              matrices,
              ...(parts ? { parts } : {}),
            },
            errors: {
              text: spec.errorsOn,
              tokens: errorText.windows.tokens,
              hidden: model.config.hidden,
              kind,
              ...(anyDiverged(result.errors) ? { diverged: true as const } : {}),
              layers: result.errors,
            },
            perplexity: {
              dense: perplexityOf(dense),
              pruned: main.perplexity,
              kl: main.kl,
              topOne: main.topOne,
              text: 'report',
              windows: main.losses.length,
              window: texts.report.record.window,
              ...diverged([perplexityOf(dense), main.perplexity]),
              losses: { dense, pruned: main.losses },
              ...(bySeed.length > 0 && seedRange(bySeed.map((draw) => draw.report))),
            },
            ...(Object.keys(result.solver).length > 0 && { solver: result.solver }),
            margin: result.margin,
            ...(masks && { masks }),
            curve: curve && untimed(curve),
          },
          seeds,
        );
        report.warnings.push(...result.warnings);
        report.warnings.push(...warnings);
        if (!both) this.#last = { key: this.#maskKey(spec, beta, texts), report };
        const select = split.select && {
          ...split.select,
          dense: evaluated.selectLosses(allDense),
          ...(bySeed.length > 0 && seedRange(bySeed.flatMap((draw) => draw.select ?? []))),
        };
        return { report, select };
      },
    );
  }

  /** The report of a run whose masks are still held: the last run where it fits, else a run made now. */
  async reportFor(spec: LabSpec, beta: number, io: JobIo): Promise<RunReport> {
    const texts = await this.#allTexts(spec, io);
    const key = this.#maskKey(spec, beta, texts);
    const last = this.#last;
    const fits =
      last?.key === key &&
      sameSpec({ ...last.report.spec, beta }, { ...spec, beta }) &&
      TEXTS.every((t) => last.report.texts[t]?.sha256 === texts[t].record.sha256);
    if (fits && this.loaded.engine.masksFor(key)) return last.report;
    return this.run(spec, beta, io);
  }

  /** Cumulative errors for a drag, from dense statistics; on a slow adapter of fewer tokens (the result says how many). */
  async tick(spec: LabSpec, beta: number, io: JobIo): Promise<TickResult> {
    const { engine, plan: model } = this.loaded;
    const given: LabSpec = { ...spec, beta, stats: 'dense' };
    const plan = planRun(model, given);
    const needed: TextName[] = [
      'calibration',
      given.errorsOn,
      ...(needsFacts(plan) ? (['select'] as const) : []),
    ];
    const texts = await this.texts(given, needed, io);
    const calibration = texts.calibration as ResolvedText;
    let errorText = texts[given.errorsOn] as ResolvedText;
    if (this.ctx.record.software) errorText = await firstTokens(errorText, SLOW_TICK_TOKENS);
    return this.#job(io, 'Preview', async (rec, meter) => {
      const { rates, allocation } = await this.#rates(plan, beta, texts, rec, meter);
      io.emit({ type: 'allocation', job: io.job, spec: given, allocation });
      const job = {
        plan,
        rates,
        statistics: 'dense' as const,
        calibration,
        errors: { text: errorText, kind: 'cumulative' as const },
      };
      const result = await engine.prune(rec, job, meter);
      return {
        job: io.job,
        kind: 'preview',
        spec: given,
        layers: result.errors.map(({ cumulative, dense }) => ({ cumulative, dense })),
        tokens: errorText.windows.tokens,
        hidden: model.config.hidden,
      };
    });
  }

  /**
   * The beta-perplexity curve on the select text. Points measured before, for the same spec but beta, are kept, unless
   * it is to be measured afresh.
   */
  async sweep(
    spec: LabSpec,
    options: { kind: StatsKind; betas: readonly number[] | null; fresh?: boolean },
    io: JobIo,
  ): Promise<Curve> {
    const { engine, plan: model } = this.loaded;
    const plan = planRun(model, { ...spec, beta: 0 });
    const betas = sweepBetas(plan, options.betas);
    const texts = await this.#allTexts(spec, io);
    const kind: StatsKind = !plan.needsInputs ? 'exact' : options.kind;
    const { draws, warning } = await seedDraws(this.loaded.texts, spec, plan);
    if (warning) io.emit({ type: 'warning', text: warning });
    const key = JSON.stringify([
      kind,
      { ...spec, beta: 0, stats: kind },
      Object.values(texts).map((t) => t.record.sha256),
    ]);
    const known = (options.fresh ? undefined : this.#points.get(key)) ?? new Map<number, CurvePoint>();
    this.#points.set(key, known);
    await this.#job(io, kind === 'exact' ? 'Sweep' : 'Sweep (preview)', (rec, meter) =>
      measureCurve(
        {
          engine,
          plan,
          spec,
          kind,
          betas,
          texts,
          draws,
          known,
          onPoint: (point) => io.emit({ type: 'point', job: io.job, kind, spec, point }),
        },
        rec,
        meter,
      ),
    );
    const points = betas.flatMap((b) => known.get(b) ?? []);
    const best = bestBeta(points);
    const chosenBy = draws.length > 0 ? 'mean' : 'perplexity';
    return { text: 'select', kind, best, chosenBy, points, ties: tiedBetas(points, best) };
  }

  /** Masks of a spec: those of the last run where they fit, else chosen now. */
  async masks(spec: LabSpec, beta: number, rec: Recorder, meter: Meter): Promise<MaskState> {
    const { engine, plan: model } = this.loaded;
    const plan = planRun(model, { ...spec, beta: planRun(model, { ...spec, beta: 0 }).hasBeta ? beta : 0 });
    const texts = await this.texts(spec, needsFacts(plan) ? ['calibration', 'select'] : ['calibration']);
    const key = this.#maskKey(spec, beta, texts);
    const known = engine.masksFor(key);
    if (known) return known;
    const { rates } = await this.#rates(plan, beta, texts, rec, meter);
    await engine.prune(
      rec,
      { plan, rates, statistics: spec.stats, calibration: texts.calibration as ResolvedText, keepAs: key },
      meter,
    );
    const made = engine.masksFor(key);
    if (!made)
      throw new LabError('InternalError', 'The masks were replaced while they were made.', 'Run again.');
    return made;
  }

  /** Rates of a spec, measured where they depend on more than shapes; a search is made as a run would make it. */
  async allocation(spec: LabSpec, io: JobIo): Promise<AllocationRecord> {
    const plan = planRun(this.loaded.plan, spec);
    const beta = typeof spec.beta === 'number' ? spec.beta : 0;
    const texts = await this.texts(spec, needsFacts(plan) ? ['calibration', 'select'] : [], io);
    return this.#job(
      io,
      'Measuring the allocation',
      async (rec, meter) =>
        (
          await this.#rates(plan, beta, texts, rec, meter, (search) =>
            io.emit({ type: 'trial', job: io.job, spec, search }),
          )
        ).allocation,
    );
  }

  /**
   * For searches over a pruner's parameters: `work` measures the clean model's perplexity on the select text under other
   * values of them (null: diverged). The rates are those of `spec`.
   */
  async trySettings<T>(
    spec: LabSpec,
    io: JobIo,
    work: (measure: (set: LabSpec['set']) => Promise<number | null>) => Promise<T>,
  ): Promise<T> {
    const { engine, plan: model } = this.loaded;
    const beta = typeof spec.beta === 'number' ? spec.beta : 0;
    const planned = planRun(model, { ...spec, beta });
    const texts = await this.#allTexts(spec, io);
    const { calibration, select: evaluate } = texts;
    const silent: Meter = { total: () => undefined, add: () => undefined };
    return this.#job(io, 'Measuring', async (rec) => {
      const { rates } = await this.#rates(planned, beta, texts, rec, silent);
      return work(async (set) => {
        const plan = planRun(model, { ...spec, beta, set: { ...spec.set, ...set } });
        const job = { plan, rates, statistics: spec.stats, calibration, evaluate };
        return figuresOf(await engine.prune(rec, job, silent)).perplexity;
      });
    });
  }

  /** What measures rates is fetched when there is something to measure. */
  async #rates(
    plan: RunPlan,
    beta: number,
    texts: Partial<Record<TextName, ResolvedText>>,
    rec: Recorder,
    meter: Meter,
    onTrial?: (search: SearchRecord) => void,
  ): Promise<FoundAllocation> {
    const { engine, plan: model } = this.loaded;
    if (!needsFacts(plan)) return { ...ratesFor(model, plan, beta), warnings: [] };
    const [{ allocationFor }, { realPace }] = await Promise.all([
      import('./facts'),
      import('../pruning/pace'),
    ]);
    const { calibration, select } = texts;
    if (!calibration || !select) throw new Error('facts need the calibration and the select text');
    const pace = realPace(rec);
    return allocationFor({ engine, plan, rec, meter, pace, calibration, select, onTrial }, beta);
  }

  async predict(kind: JobKind, spec: LabSpec): Promise<Prediction> {
    const { predict } = await import('./predict');
    return predict(this, kind, spec);
  }

  /** Runs `work` with a recorder of its own that is closed whatever happens. */
  async #job<T>(io: JobIo, stage: string, work: (rec: Recorder, meter: Meter) => Promise<T>): Promise<T> {
    const { engine } = this.loaded;
    const rec = new Recorder(this.ctx, { signal: io.signal, gate: io.gate });
    const meter = new ProgressMeter(io.emit, io.job, stage, engine.tokenUnits);
    try {
      const result = await work(rec, meter);
      await rec.finish();
      return result;
    } finally {
      if (io.work) {
        io.work.units += meter.done;
        io.work.dispatches += rec.work.dispatches;
      }
      rec.close();
      io.emit({ type: 'memory', usage: this.memory() });
    }
  }

  /** A recorder and meter for generation and export, which live in files of their own. */
  withRecorder<T>(io: JobIo, stage: string, work: (rec: Recorder, meter: Meter) => Promise<T>): Promise<T> {
    return this.#job(io, stage, work);
  }

  /** What is evaluated under the calibration draws of all seeds; none where there is one draw only. */
  async #otherSeeds(
    job: {
      plan: RunPlan;
      spec: LabSpec;
      ratesOf: (calibration: ResolvedText) => Promise<LayerRates>;
      draws: readonly SeedDraw[];
      evaluated: EvaluatedText;
    },
    main: { report: Figures; select: Figures | null },
    rec: Recorder,
    meter: Meter,
  ): Promise<{ report: SeedFigures; select: SeedFigures | null }[]> {
    const { plan, spec, ratesOf, draws, evaluated } = job;
    const out: { report: SeedFigures; select: SeedFigures | null }[] = [];
    for (const { seed, calibration } of draws) {
      const rates = seed === spec.seed ? [] : await ratesOf(calibration);
      const { report, select } =
        seed === spec.seed
          ? main
          : evaluated.split(
              await this.loaded.engine.prune(
                rec,
                { plan, rates, statistics: spec.stats, calibration, evaluate: evaluated.text },
                meter,
              ),
            );
      const draw = { seed, calibration: calibration.record.sha256 };
      out.push({ report: { ...draw, ...report }, select: select && { ...draw, ...select } });
    }
    return out;
  }

  #masksOf(spec: LabSpec, beta: number, texts: Record<TextName, ResolvedText>): MaskState {
    const state = this.loaded.engine.masksFor(this.#maskKey(spec, beta, texts));
    if (!state)
      throw new LabError('InternalError', 'The masks were replaced while they were measured.', 'Run again.');
    return state;
  }

  #maskKey(spec: LabSpec, beta: number, texts: Partial<Record<TextName, ResolvedText>>): string {
    const { pruner, allocation, sparsity, pattern, set, layerSparsity, stats } = spec;
    const searched = pattern === 'free' && !layerSparsity && findAllocation(allocation).searches(set);
    return JSON.stringify([
      pruner,
      allocation,
      sparsity,
      beta,
      pattern,
      set,
      layerSparsity ?? null,
      stats,
      texts.calibration?.record.sha256,
      // What an allocation was searched on.
      searched ? texts.select?.record.sha256 : null,
    ]);
  }

  async #report(
    spec: LabSpec,
    texts: Partial<Record<TextName, ResolvedText>>,
    timings: Timings,
    parts: Pick<RunReport, 'perplexity'> &
      Partial<
        Pick<RunReport, 'allocation' | 'sparsity' | 'errors' | 'solver' | 'margin' | 'masks' | 'curve'>
      >,
    seeds: SeedDraws = { draws: [], warning: null },
  ): Promise<RunReport> {
    const { record, plan } = this.loaded;
    const records: Partial<Record<TextName, TextRecord>> = {};
    const warnings = [...plan.warnings];
    for (const which of TEXTS) {
      const text = texts[which];
      if (!text) continue;
      records[which] = text.record;
      if (text.warning) warnings.push(text.warning);
    }
    if (seeds.warning) warnings.push(seeds.warning);
    const leakage = findLeaks(
      Object.fromEntries(TEXTS.flatMap((which) => (texts[which] ? [[which, texts[which].windows]] : []))),
    );
    for (const leak of leakage) warnings.push(leakWarning(leak, (which) => records[which]?.source ?? which));
    const id = await runId({
      modelSha256: record.sha256,
      textSha256: [
        ...TEXTS.map((which) => records[which]?.sha256 ?? null),
        ...seeds.draws.map((d) => d.calibration.record.sha256),
      ],
      spec,
      engineVersion: ENGINE_VERSION,
    });
    const { workOf, memoryOf } = await import('./memory/jobs');
    const memory = memoryOf(this.loaded.engine, spec, workOf(parts), texts);
    if (parts.curve?.best === null)
      warnings.push(
        'No beta of the sweep from 0 up gave a finite perplexity; the rest of the report is that of beta 0.',
      );
    if (parts.perplexity.diverged) warnings.push('A perplexity is not a finite number: the model diverged.');
    return {
      schema: 'prunelab.run/1',
      id,
      version: ENGINE_VERSION,
      spec,
      model: record,
      device: this.ctx.record,
      texts: records as RunReport['texts'],
      ...parts,
      leakage,
      timings: timings.record,
      memory: { ...memory, peakBytes: this.ctx.ledger.peak },
      warnings,
    };
  }
}

function diverged(perplexities: readonly (number | null)[]): { diverged?: true } {
  return perplexities.includes(null) ? { diverged: true } : {};
}

/** What fetching a text tells and hears of a job. */
function textIo(io: JobIo | undefined): TextIo {
  return {
    signal: io?.signal,
    onProgress: (done, total) =>
      io?.emit({
        type: 'progress',
        job: io.job,
        stage: 'Fetching a text',
        done,
        total,
        unit: 'bytes',
        tokensPerSecond: null,
        secondsLeft: null,
      }),
  };
}
