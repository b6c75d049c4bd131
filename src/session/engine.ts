/**
 * A loaded model on its device with everything that outlives a job: dense block outputs of the text that errors are
 * measured on, the masks of the last run, row orders, dense losses. Jobs take a Recorder and give plain results.
 */
import type { LayerErrors, SolverNote, SparsityRecord } from '../core/report';
import type { Recorder } from '../gpu/recorder';
import type { GpuContext } from '../gpu/context';
import type { Scope } from '../gpu/scope';
import { divergenceOf, windowDivergence } from '../eval/divergence';
import { windowLosses } from '../eval/perplexity';
import { allocWorkspace, Decoder, type Workspace } from '../models/decoder';
import type { LayerNorms, LayerStatistics, WantedStatistics } from '../models/inputStatistics';
import { DenseStream, gpuText, type GpuText } from '../models/streams';
import type { LoadedModel } from '../models/load';
import { batchTokensFor } from '../models/workspaceShapes';
import type { Chooser, LayerInputs } from '../pruning/chooser';
import { allocPrunedLayer, type PrunedLayer } from '../pruning/masks';
import { inputsFrom, passBlockTokens, prunedPass, type PartZeros, type PassResult } from '../pruning/pass';
import type { Statistic } from '../pruning/pruners/define';
import { RankCache } from '../pruning/rankCache';
import { Selector } from '../pruning/selector';
import { DenseReferences, type DenseReference } from './denseReference';
import { snippets } from './cutText';
import type { MeasuredText } from './figures';
import type { Gradients, KeptGradients } from './gradients';
import type { LayerRates, RunPlan } from './plan';
import type { ResolvedText } from './texts';

/** Counts work for progress; units are tokens through one block, the head weighed by its size. */
export interface Meter {
  total(units: number): void;
  add(units: number): void;
}

export interface MaskState {
  key: string;
  /** What was asked of each matrix. */
  rates: LayerRates;
  layers: PrunedLayer[];
  zeros: Record<string, number>[];
  parts: PartZeros[];
  margin: number | null;
}

interface DenseEntry {
  sha256: string;
  scope: Scope;
  stream: DenseStream;
  ranks: RankCache;
  /** Jobs that are using it: it stays until they are done. */
  users: number;
}

/** Sizes that follow from the device; tests set others, which must not change a result. */
export interface EngineLimits {
  batchTokens?: number;
  denseStreamBytes?: number;
  keptHostBytes?: number;
}

/** One pruning of the clean model. */
export interface PruneJob {
  plan: RunPlan;
  rates: LayerRates;
  statistics: 'exact' | 'dense';
  calibration: ResolvedText;
  errors?: { text: ResolvedText; kind: 'full' | 'cumulative' };
  evaluate?: ResolvedText;
  keepAs?: string;
  /** The caller's own room for the pruned layers, in place of `keepAs`. */
  keep?: readonly PrunedLayer[];
  /** Counts zeros though no masks are kept. */
  countZeros?: boolean;
  /** False: every row is ordered anew, though its order is remembered. */
  orders?: boolean;
  onLayer?: (layer: number, row: LayerErrors | null) => void;
}

export interface PruneResult extends PassResult, MeasuredText {
  /** What solvers said, by tensor. */
  solver: Record<string, SolverNote>;
  warnings: string[];
}

export class Engine {
  readonly ctx: GpuContext;
  readonly model: LoadedModel;
  readonly decoder: Decoder;
  /** The least recently used first; see gradients.ts. */
  gradients: readonly KeptGradients[] = [];
  #masks: MaskState | null = null;
  /** Of the pruned layers that are kept, and whether they have room for new weights. */
  #kept: { scope: Scope; layers: PrunedLayer[]; updates: boolean } | undefined;
  /** Dense streams by text hash, the least recently used first. */
  #dense: DenseEntry[] = [];
  readonly #references: DenseReferences;
  readonly #limits: EngineLimits;

  constructor(ctx: GpuContext, model: LoadedModel, limits: EngineLimits = {}) {
    this.ctx = ctx;
    this.#limits = limits;
    this.model = model;
    this.decoder = new Decoder(ctx, model);
    const { denseStreamBytes: gpuBytes, keptHostBytes: hostBytes } = limits;
    this.#references = new DenseReferences(
      {
        ctx,
        decoder: this.decoder,
        scope: model.scope,
        text: (rec, scope, text) => this.text(rec, scope, text),
        workspace: (scope, texts) => this.workspace(scope, texts),
      },
      { gpuBytes, hostBytes },
    );
  }

  get batchTokens(): number {
    if (this.#limits.batchTokens !== undefined) return this.#limits.batchTokens;
    return batchTokensFor(this.model.config, this.ctx.record.software);
  }

  /** Masks of the last whole run, if they belong to this key. */
  masksFor(key: string): MaskState | null {
    return this.#masks?.key === key ? this.#masks : null;
  }

  /** Blocks in units of the head: a head's work counts like so many tokens through one block. */
  get headUnits(): number {
    const { hidden, vocabulary, layers } = this.model.config;
    const perBlock = (this.model.plan.prunable.reduce((sum, m) => sum + m.count, 0) || 1) / layers;
    return (hidden * vocabulary) / perBlock;
  }

  /** Where masks are chosen. */
  selectPath(wish: RunPlan['select']): 'gpu' | 'cpu' {
    if (wish !== 'auto') return wish;
    return this.ctx.record.software || this.ctx.disabled.has('select') ? 'cpu' : 'gpu';
  }

  /** Units that one token takes through the whole model. */
  get tokenUnits(): number {
    return this.model.config.layers + this.headUnits;
  }

  /** Real flops of `tokens` through one block, attention left out. */
  flopsPerBlockToken(): number {
    return (2 * this.model.plan.prunable.reduce((sum, m) => sum + m.count, 0)) / this.model.config.layers;
  }

  text(rec: Recorder, scope: Scope, text: ResolvedText): GpuText {
    const made = gpuText(rec, scope, text.windows, this.batchTokens);
    this.decoder.ensurePositions(made.longest);
    return made;
  }

  workspace(scope: Scope, texts: readonly GpuText[]): Workspace {
    return allocWorkspace(scope, this.model.config, Math.max(...texts.map((t) => t.largest)));
  }

  /** The dense stream of a text, made on first use and kept until memory is wanted for another. */
  dense(rec: Recorder, text: ResolvedText): DenseEntry {
    const sha256 = text.record.sha256;
    const found = this.#dense.find((d) => d.sha256 === sha256);
    if (found) {
      this.#dense = [...this.#dense.filter((d) => d !== found), found];
      return found;
    }
    // Two stay: the calibration text and one other.
    const idle = this.#dense.find((d) => d.users === 0);
    if (this.#dense.length >= 2 && idle) {
      idle.scope.close();
      this.#dense = this.#dense.filter((d) => d !== idle);
    }
    const scope = this.model.scope.child();
    const made: DenseEntry = {
      sha256,
      scope,
      stream: new DenseStream(
        this.decoder,
        scope,
        this.text(rec, scope, text),
        this.#limits.denseStreamBytes,
      ),
      ranks: new RankCache(scope),
      users: 0,
    };
    this.#dense.push(made);
    return made;
  }

  /** Makes the dense stream of a text now, so that no later job pays for it. */
  async fillDense(rec: Recorder, text: ResolvedText, meter: Meter): Promise<void> {
    const entry = this.dense(rec, text);
    const scope = this.ctx.root.child();
    entry.users += 1;
    try {
      const { layers } = this.model.config;
      const ws = this.workspace(scope, [entry.stream.text]);
      await scope.ready();
      meter.total(text.windows.tokens * (layers - Math.max(0, entry.stream.filled + 1)));
      await entry.stream.ensure(rec, ws, layers - 1, (tokens) => meter.add(tokens));
      // What was recorded reads the workspace.
      rec.flush();
    } finally {
      entry.users -= 1;
      scope.close();
    }
  }

  get gradientBytes(): number {
    return this.gradients.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Host bytes of what later jobs use again: row orders and gradients. */
  get cacheBytes(): number {
    return this.#dense.reduce((sum, d) => sum + d.ranks.bytes, 0) + this.gradientBytes;
  }

  dropCaches(): void {
    this.gradients = [];
    this.#references.close();
    for (const d of this.#dense) d.scope.close();
    this.#dense = [];
  }

  /** Mean loss of each window under the dense model; remembered by text. */
  async denseLosses(rec: Recorder, text: ResolvedText, meter: Meter): Promise<number[]> {
    return (
      this.#references.losses(text) ??
      this.#references.with(rec, text, this.#progress(meter), ({ losses }) => Promise.resolve(losses))
    );
  }

  /** Units of work of denseLosses, 0 when remembered. */
  denseLossUnits(text: ResolvedText): number {
    return this.#references.losses(text) ? 0 : text.windows.tokens * this.tokenUnits;
  }

  /** Units of making what the pruned model is compared with on a text, 0 where it is kept. */
  referenceUnits(text: ResolvedText): number {
    if (this.#references.has(text)) return 0;
    return text.windows.tokens * (this.#references.losses(text) ? this.model.config.layers : this.tokenUnits);
  }

  /** Units of one token through the pruned model, measured and compared: the head runs on both streams. */
  get comparedTokenUnits(): number {
    return this.model.config.layers + 2 * this.headUnits;
  }

  #progress(meter: Meter): { onBlock: (tokens: number) => void; onHead: (tokens: number) => void } {
    return { onBlock: (tokens) => meter.add(tokens), onHead: (tokens) => meter.add(tokens * this.headUnits) };
  }

  /**
   * Prunes under `rates` and measures. `calibration` null for data-free pruners; `errors` on which text and how much;
   * `evaluate` a text whose window losses are wanted; `keepAs` stores the masks under that key.
   */
  async prune(rec: Recorder, job: PruneJob, meter: Meter): Promise<PruneResult> {
    const { evaluate } = job;
    if (!evaluate) return this.#prune(rec, job, undefined, meter);
    meter.total(this.referenceUnits(evaluate));
    return this.#references.with(rec, evaluate, this.#progress(meter), (reference) =>
      this.#prune(rec, job, reference, meter),
    );
  }

  async #prune(
    rec: Recorder,
    job: PruneJob,
    reference: DenseReference | undefined,
    meter: Meter,
  ): Promise<PruneResult> {
    const scope = this.ctx.root.child();
    const using: DenseEntry[] = [];
    const use = (text: ResolvedText): DenseEntry => {
      const entry = this.dense(rec, text);
      entry.users += 1;
      using.push(entry);
      return entry;
    };
    try {
      const errors = job.errors && { dense: use(job.errors.text), kind: job.errors.kind };
      const sameText = job.errors?.text.record.sha256 === job.calibration.record.sha256;
      // One text in two roles passes through each layer once.
      const measured =
        job.evaluate && job.errors?.text.record.sha256 === job.evaluate.record.sha256
          ? errors?.dense.stream.text
          : undefined;
      const evaluate = measured ?? (job.evaluate && this.text(rec, scope, job.evaluate));
      let statistics: Parameters<typeof prunedPass>[0]['statistics'] = { kind: 'none' };
      let dense: DenseEntry | undefined;
      if (job.plan.needsInputs && job.statistics === 'dense') dense = use(job.calibration);
      const prefix =
        job.plan.needsInputs && job.statistics === 'exact'
          ? sameText && errors
            ? errors.dense.stream.text
            : this.text(rec, scope, job.calibration)
          : null;
      const wanted = wantedOf(job.plan.statistics);
      if (prefix) statistics = { kind: 'prefix', text: prefix, wanted };
      const texts = [errors?.dense.stream.text, evaluate, prefix, dense?.stream.text].filter(
        (t) => t !== undefined && t !== null,
      );
      const ws =
        texts.length > 0 ? this.workspace(scope, texts) : allocWorkspace(scope, this.model.config, 1);
      const keep = job.keepAs === undefined ? job.keep : this.#openKept(job.plan.updates);
      const warnings = new Set<string>();
      const { selector, chooser } = await this.selector(rec, scope, job, meter, (text) => warnings.add(text));
      await scope.ready();

      const { layers } = this.model.config;
      const denseMissing = (d: DenseEntry): number =>
        d.stream.text.windows.tokens * (layers - Math.max(0, d.stream.filled + 1));
      let units = passBlockTokens(
        { statistics, errors: errors && { dense: errors.dense.stream, kind: errors.kind }, evaluate },
        layers,
      );
      for (const d of new Set([errors?.dense, dense])) if (d) units += denseMissing(d);
      if (dense && (wanted.gram || wanted.moments)) units += dense.stream.text.windows.tokens * layers;
      if (evaluate) {
        const { tokens } = evaluate.windows;
        const heads = reference && !reference.logits?.known ? 2 : 1;
        units += tokens * heads * this.headUnits + (reference?.rerunTokens ?? 0) * layers;
      }
      meter.total(units);

      const onBlock = (tokens: number): void => meter.add(tokens);
      if (dense) {
        await dense.stream.ensure(rec, ws, layers - 1, onBlock);
        const { stream, ranks } = dense;
        const of = async (layer: number): Promise<LayerInputs> => {
          // Norms are kept for every layer; Gram matrices of a whole model would be too large.
          const found =
            wanted.gram || wanted.moments
              ? await stream.denseStatistics(rec, ws, layer, wanted, onBlock)
              : normStatistics(stream.norms[layer]);
          return inputsFrom(stream.text, found);
        };
        statistics = { kind: 'dense', of, ...(job.orders !== false && { ranks }) };
      }
      const result = await prunedPass({
        rec,
        scope,
        decoder: this.decoder,
        ws,
        selector,
        rates: job.rates,
        updates: job.plan.updates,
        statistics,
        errors: errors && { dense: errors.dense.stream, kind: errors.kind },
        evaluate,
        ...(reference && { compareWith: reference }),
        keep,
        count: keep !== undefined || job.countZeros,
        onLayer: job.onLayer,
        onBlock,
        onHead: (tokens) => meter.add(tokens * this.headUnits),
      });
      if (keep && job.keepAs !== undefined)
        this.#masks = {
          key: job.keepAs,
          rates: job.rates,
          layers: [...keep],
          zeros: result.zeros,
          parts: result.parts,
          margin: result.margin,
        };
      const lengths = job.evaluate?.windows.lengths;
      return {
        ...result,
        solver: chooser?.notes ?? {},
        warnings: [...warnings],
        windowLosses: result.losses && lengths ? windowLosses(result.losses, lengths) : null,
        divergence:
          result.comparison && lengths ? divergenceOf(windowDivergence(result.comparison, lengths)) : null,
      };
    } finally {
      for (const entry of using) entry.users -= 1;
      scope.close();
    }
  }

  /** What chooses the masks of a job, with the solver where there is one; its small buffers belong to `scope`. */
  async selector(
    rec: Recorder,
    scope: Scope,
    job: Pick<PruneJob, 'plan' | 'calibration'>,
    meter: Meter,
    warn: (text: string) => void,
  ): Promise<{ selector: Selector; chooser: Chooser | undefined }> {
    const { pruner, params, pattern, mixed, exactBudget, select } = job.plan;
    const chooser = await this.#chooser(rec, job, meter, warn);
    const path = this.selectPath(select);
    return {
      selector: new Selector(scope, this.model, {
        pruner,
        params,
        pattern,
        mixed,
        exactBudget,
        path,
        chooser,
      }),
      chooser,
    };
  }

  /** What a memory plan must know of this engine and its device. */
  get memoryDevice(): { software: boolean; batchTokens: number; denseStreamBytes?: number } {
    const { denseStreamBytes } = this.#limits;
    const { software } = this.ctx.record;
    return {
      software,
      batchTokens: this.batchTokens,
      ...(denseStreamBytes === undefined ? {} : { denseStreamBytes }),
    };
  }

  close(): void {
    this.dropCaches();
    this.model.scope.close();
  }

  /** What chooses for a pruner that is more than a score |W| times a norm. */
  async #chooser(
    rec: Recorder,
    { plan, calibration }: Pick<PruneJob, 'plan' | 'calibration'>,
    meter: Meter,
    warn: (text: string) => void,
  ): Promise<Chooser | undefined> {
    const { pruner, params, pattern, exactBudget, statistics } = plan;
    const layer = pruner.chooseLayer?.(params);
    const matrix = pruner.choose(params);
    const choose = layer ? { layer: await layer() } : matrix ? { matrix: await matrix() } : null;
    if (!choose) return undefined;
    const signed = statistics.includes('gradientSum');
    let found: Gradients | null = null;
    if (signed || statistics.includes('gradient')) {
      const { gradients } = await import('./gradients');
      const text = signed ? await snippets(calibration) : calibration;
      found = await gradients(this, rec, text, signed ? 'sum' : 'squared', meter);
    }
    const { Chooser: Chooses } = await import('../pruning/chooser');
    return new Chooses(this.model, {
      choose,
      params,
      pattern,
      exactBudget,
      warn,
      ...(found ? { gradient: found.of.bind(found) } : {}),
    });
  }

  /** The kept masks are about to be overwritten: what was there is no longer a whole run. */
  #openKept(updates: boolean): PrunedLayer[] {
    this.#masks = null;
    if (this.#kept?.updates === updates) return this.#kept.layers;
    this.#kept?.scope.close();
    const scope = this.model.scope.child();
    const layers = this.model.layers.map((_, layer) => allocPrunedLayer(scope, this.model, layer, updates));
    this.#kept = { scope, layers, updates };
    return layers;
  }
}

/** What a layer's inputs are measured for. */
export function wantedOf(statistics: readonly Statistic[]): WantedStatistics {
  const has = (name: Statistic): boolean => statistics.includes(name);
  return { norm: has('norm'), gram: has('gram'), moments: has('moments') };
}

function normStatistics(norms: LayerNorms = {}): LayerStatistics {
  return Object.fromEntries(Object.entries(norms).map(([input, norm]) => [input, { norms: norm }]));
}

/** Zeros and weights of every prunable tensor, by name. */
export function matrixCounts(
  model: LoadedModel,
  zeros: readonly Record<string, number>[],
): Record<string, { zeros: number; count: number }> {
  return Object.fromEntries(
    model.plan.prunable.map((m) => [m.name, { zeros: zeros[m.layer]?.[m.matrix] ?? 0, count: m.count }]),
  );
}

/** Zeros and weights of the parts of fused tensors, by tensor and part; undefined where nothing is fused. */
export function partCounts(parts: readonly PartZeros[]): SparsityRecord['parts'] {
  if (parts.length === 0) return undefined;
  const out: NonNullable<SparsityRecord['parts']> = {};
  for (const { tensor, part, zeros, count } of parts) (out[tensor] ??= {})[part] = { zeros, count };
  return out;
}

/** Fraction of zeros of each layer. */
export function layerSparsity(model: LoadedModel, zeros: readonly Record<string, number>[]): number[] {
  return model.plan.prunablePerLayer.map(
    (count, layer) => Object.values(zeros[layer] ?? {}).reduce((a, b) => a + b, 0) / (count || 1),
  );
}
