/**
 * GPU memory that work will take at its peak, by purpose, from shapes alone: the buffers of a pass in the order in which
 * it takes and gives them back. What the ledger counts afterwards is held against it by tests.
 */
import { COMPARED_TOKEN_BYTES, compareBytesPerToken } from '../../eval/compareText';
import type { ModelPlan } from '../../models/inspect';
import { InputStatistics, type WantedStatistics } from '../../models/inputStatistics';
import { KeptLogits } from '../../models/keptLogits';
import { KeptStream } from '../../models/keptStream';
import { DENSE_STREAM_GPU_BYTES } from '../../models/streams';
import { batchesOf, type Batch } from '../../models/windows';
import { batchTokensFor, workspaceBytesPerToken } from '../../models/workspaceShapes';
import { UNIFORM_BYTES } from '../../gpu/recorder';
import { decodedBytes } from '../../formats/tensorBytes';
import { COMPARE_FIGURES } from '../../ops/headCompare';
import { pieceSteps } from '../../ops/headLoss';
import { errorPartials } from '../../ops/errorSums';
import { SCRATCH_BYTES } from '../../ops/workspace';
import { maskedLayerBytes, matrixBytes, prunedLayerBytes } from '../../pruning/layerShapes';
import type { Statistic } from '../../pruning/pruners/define';
import { RankCache } from '../../pruning/rankCache';
import { hostBytesOf, type HostBytes } from './hostBytes';
import { Tally, totalOf, type MemoryBytes } from './tally';

/** What the plan must know of a device. */
export interface MemoryDevice {
  software: boolean;
  /** Tokens of a batch; by default what the engine takes. */
  batchTokens?: number;
  /** Above it dense outputs wait on the host. */
  denseStreamBytes?: number;
}

export interface TextShape {
  /** Texts of one key are one text. */
  key: string;
  /** Tokens of each window. */
  lengths: readonly number[];
}

/** What a pruner takes part in; see RunPlan. */
export interface PrunerShape {
  statistics: readonly Statistic[];
  needsInputs: boolean;
  updates: boolean;
  /** Where masks are chosen: by the engine on either side, or by a solver on the host. */
  path: 'gpu' | 'cpu' | 'solver';
}

export type MemoryJob =
  | { kind: 'evaluate'; text: TextShape }
  | {
      kind: 'prune';
      pruner: PrunerShape;
      calibration: TextShape;
      /** Of the pruned prefix, or of the dense model. */
      statistics: 'exact' | 'dense';
      errors?: { text: TextShape; kind: 'full' | 'cumulative' };
      evaluate?: TextShape;
      /** Pruned layers stay, and are counted. */
      keep: boolean;
    }
  | { kind: 'export' };

export interface MemoryPlan {
  /** GPU bytes at the peak of all jobs, one after another on a freshly loaded model. */
  peakBytes: number;
  /** The same by purpose. */
  byKind: MemoryBytes;
  /** Host bytes beside them: what waits there, and what solvers work with (an estimate). */
  host: HostBytes;
}

/** What headCompare keeps of a row. */
const COMPARE_ROW_BYTES = 48;
/** Dense texts and references that are kept. */
const KEPT_TEXTS = 2;
/** A reference larger than this is not kept, on whichever side. */
const REFERENCE_BYTES = 1 << 30;
/** A layer of at most this much is read back at once. */
const LAYER_READ_BYTES = 16 << 20;

export function planMemory(
  model: ModelPlan,
  device: MemoryDevice,
  jobs: readonly MemoryJob[] = [],
): MemoryPlan {
  const walk = new MemoryWalk(model, device);
  for (const job of jobs) walk.job(job);
  const byKind = walk.tally.peak;
  return { peakBytes: totalOf(byKind), byKind, host: hostBytesOf(model, jobs, walk.streamsOnHost) };
}

class MemoryWalk {
  readonly tally = new Tally();
  /** Host bytes of dense outputs that do not fit on the GPU. */
  streamsOnHost = 0;
  readonly #model: ModelPlan;
  readonly #batchTokens: number;
  readonly #denseStreamBytes: number;
  readonly #row: number;
  /** Kept texts, the least recently used first. */
  #dense: string[] = [];
  #references: string[] = [];
  #positions = 0;

  constructor(model: ModelPlan, device: MemoryDevice) {
    this.#model = model;
    this.#batchTokens = device.batchTokens ?? batchTokensFor(model.config, device.software);
    this.#denseStreamBytes = device.denseStreamBytes ?? DENSE_STREAM_GPU_BYTES;
    this.#row = model.config.hidden * 4;
    for (const { role, cols, entry } of model.tensors) {
      const vector = role.kind === 'norm' || role.kind === 'finalNorm' || role.kind === 'bias';
      this.tally.keep('model', 'weights', vector ? cols * 4 : decodedBytes(entry));
    }
  }

  job(job: MemoryJob): void {
    const { tally } = this;
    tally.scope(() => {
      tally.take('scratch', UNIFORM_BYTES);
      tally.take('scratch', 16);
      if (job.kind === 'evaluate') this.#reference(job.text);
      else if (job.kind === 'prune') this.#prune(job);
      else this.#export();
    });
  }

  #batches(text: TextShape): Batch[] {
    return batchesOf(text.lengths, this.#batchTokens);
  }

  #positionsUpTo(texts: readonly TextShape[]): void {
    const { ropes, context } = this.#model.config;
    const longest = Math.max(...texts.flatMap((t) => t.lengths));
    if (longest <= this.#positions) return;
    this.#positions = Math.max(longest, Math.min(context, 512));
    this.tally.drop('rotary');
    for (const { dim } of ropes) this.tally.keep('rotary', 'scratch', this.#positions * dim * 4);
  }

  /** Activations of a batch with the scores and logits that ops hold. `head`: how far the head is run. */
  #workspace(texts: readonly TextShape[], head: 'none' | 'loss' | 'compare' | 'compareKept'): void {
    const { config } = this.#model;
    const batches = texts.flatMap((t) => this.#batches(t));
    const rows = largest(batches);
    this.tally.take('activations', rows * workspaceBytesPerToken(config));
    const scores = batches.map((b) => attentionRows(b, config.heads));
    let tile = Math.max(0, ...scores.map((s) => s.rows * s.keyBytes));
    this.tally.take('scratch', Math.max(0, ...scores.map((s) => s.rows)) * 4);
    if (head !== 'none') {
      const pieces = batches.map((b) => pieceSteps(b.rows, config.vocabulary));
      const logits = Math.max(...pieces.map((p) => p.rowStep * p.colStep * 4));
      const state = Math.max(...pieces.map((p) => p.rowStep));
      tile = Math.max(tile, logits);
      this.tally.take('scratch', state * 16);
      if (head !== 'loss') this.tally.take('scratch', state * COMPARE_ROW_BYTES);
      if (head === 'compare') this.tally.take('scratch', logits);
    }
    this.tally.take('scratch', tile);
  }

  /** Makes what pruned models are compared with on a text, where it is not there. */
  #reference(text: TextShape): void {
    const name = `reference ${text.key}`;
    this.#references = [...this.#references.filter((r) => r !== name), name];
    if (this.tally.has(name)) return;
    const { config } = this.#model;
    const tokens = tokensOf(text);
    const keeps = tokens * this.#row <= REFERENCE_BYTES;
    this.#positionsUpTo([text]);
    const { tally } = this;
    tally.keep(name, 'activations', tokens * 4);
    tally.keep(name, 'scratch', largest(this.#batches(text)) * 4);
    if (keeps) {
      tally.keep(name, 'denseStreams', KeptStream.gpuBytes(tokens, config.hidden));
      if (KeptStream.gpuBytes(tokens, config.hidden) === 0) this.streamsOnHost += tokens * this.#row;
    }
    tally.scope(() => {
      this.#workspace([text], 'loss');
      // Targets, losses, and the losses on their way back.
      for (let i = 0; i < 3; i++) tally.take('scratch', tokens * 4);
    });
    while (this.#references.length > KEPT_TEXTS) {
      const oldest = this.#references.shift() ?? '';
      tally.drop(oldest);
      tally.drop(`${oldest} logits`);
    }
  }

  /** The dense outputs of a text, where they are not there. */
  #denseStream(text: TextShape): void {
    const name = `dense ${text.key}`;
    const known = this.#dense.includes(name);
    this.#dense = [...this.#dense.filter((d) => d !== name), name];
    if (known) return;
    if (this.#dense.length > KEPT_TEXTS) this.tally.drop(this.#dense.shift() ?? '');
    const { layers } = this.#model.config;
    const bytes = tokensOf(text) * this.#row;
    this.tally.keep(name, 'activations', tokensOf(text) * 4);
    if ((layers + 1) * bytes > this.#denseStreamBytes) this.streamsOnHost += (layers + 1) * bytes;
    else for (let i = 0; i <= layers; i++) this.tally.keep(name, 'denseStreams', bytes);
  }

  /** What filling a layer of a dense text takes meanwhile. */
  #fillDense(text: TextShape): void {
    const { tally } = this;
    const batches = this.#batches(text);
    const { layers, hidden } = this.#model.config;
    const onHost = (layers + 1) * tokensOf(text) * hidden * 4 > this.#denseStreamBytes;
    const norms = InputStatistics.bytes(this.#model.config, batches, wantedOf(['norm']));
    tally.scope(() => {
      tally.take('scratch', largest(batches) * 4);
      tally.take('scratch', norms.held);
      tally.touch('scratch', Math.max(norms.reading, onHost ? largest(batches) * hidden * 4 : 0));
    });
  }

  #prune(job: Extract<MemoryJob, { kind: 'prune' }>): void {
    const { tally } = this;
    const { config } = this.#model;
    const { pruner, calibration, errors, evaluate } = job;
    if (pruner.statistics.includes('gradient') || pruner.statistics.includes('gradientSum'))
      this.#gradients(calibration);
    const compared = evaluate && KeptLogits.bytes(tokensOf(evaluate), config.vocabulary) > 0;
    if (evaluate) this.#reference(evaluate);
    if (errors) this.#denseStream(errors.text);
    const dense = pruner.needsInputs && job.statistics === 'dense' ? calibration : null;
    if (dense) this.#denseStream(dense);
    const prefix = pruner.needsInputs && job.statistics === 'exact' ? calibration : null;
    const shared = prefix !== null && prefix.key === errors?.text.key;
    const measured = evaluate !== undefined && evaluate.key === errors?.text.key;
    const texts = [errors?.text, evaluate, prefix, dense].filter((t) => t !== undefined && t !== null);
    this.#positionsUpTo(texts.length > 0 ? texts : [{ key: '', lengths: [1] }]);
    const wanted = wantedOf(pruner.statistics);
    const statistics = InputStatistics.bytes(config, this.#batches(calibration), wanted);
    const pruned = prunedLayerBytes(this.#model, pruner.updates);
    if (job.keep && !tally.has(`pruned ${pruner.updates}`)) {
      tally.drop(`pruned ${!pruner.updates}`);
      tally.keep(`pruned ${pruner.updates}`, 'masks', pruned.all);
    }
    if (dense && pruner.path === 'gpu' && !tally.has(`orders ${dense.key}`))
      tally.keep(`orders ${dense.key}`, 'cache', RankCache.gpuBytes(this.#prunable()));
    if (evaluate && !measured) tally.take('activations', tokensOf(evaluate) * 4);
    if (prefix && !shared) tally.take('activations', tokensOf(prefix) * 4);

    // A workspace serves all texts; the head is run at the end, when everything else is still there.
    this.#workspace(texts, 'none');
    for (const text of new Set([prefix, shared ? null : errors?.text, measured ? null : evaluate]))
      if (text) {
        tally.take('activations', tokensOf(text) * this.#row);
        tally.take('scratch', largest(this.#batches(text)) * 4);
      }
    if (prefix) {
      tally.take('scratch', statistics.held);
      tally.take('scratch', statistics.collecting);
    }
    if (shared && errors?.kind === 'full') tally.take('activations', tokensOf(errors.text) * this.#row);
    if (!job.keep) tally.take('masks', pruned.one);
    tally.take('scratch', maskedLayerBytes(this.#model));
    if (pruner.path === 'gpu') tally.take('scratch', this.#selectorBytes(pruner));
    if (job.keep) tally.take('scratch', this.#countBytes(pruner));

    // In a layer, one after another.
    if (prefix) tally.touch('scratch', statistics.reading);
    if (dense && (wanted.gram || wanted.moments))
      tally.scope(() => {
        tally.take('scratch', statistics.held);
        tally.take('scratch', Math.max(statistics.collecting, statistics.reading));
      });
    tally.touch('scratch', this.#readBytes(pruner));
    if (errors) {
      const batches = this.#batches(errors.text);
      const acts = errors.kind === 'full' ? 3 : 1;
      for (let i = 0; i < acts; i++) tally.take('activations', largest(batches) * this.#row);
      const partials = batches.reduce((sum, b) => sum + errorPartials(b.rows * config.hidden) * 24, 0);
      if (errors.kind === 'full') tally.touch('scratch', 2 * partials);
      else tally.take('scratch', partials * config.layers);
      this.#fillDense(errors.text);
    }
    if (dense) this.#fillDense(dense);
    if (evaluate) this.#compared(evaluate, texts, compared === true);
  }

  /** The head at the end of a pass. */
  #compared(text: TextShape, texts: readonly TextShape[], kept: boolean): void {
    const { tally } = this;
    const { vocabulary, hidden, heads } = this.#model.config;
    const batches = this.#batches(text);
    const tokens = tokensOf(text);
    const pieces = batches.map((b) => pieceSteps(b.rows, vocabulary));
    const logits = Math.max(...pieces.map((p) => p.rowStep * p.colStep * 4));
    const rows = Math.max(...pieces.map((p) => p.rowStep));
    // Made room for by the first comparison.
    const store = `reference ${text.key} logits`;
    if (kept && !tally.has(store)) tally.keep(store, 'cache', KeptLogits.bytes(tokens, vocabulary));
    const scores = texts.flatMap((t) => this.#batches(t)).map((b) => attentionRows(b, heads));
    const tile = Math.max(0, ...scores.map((s) => s.rows * s.keyBytes));
    tally.scope(() => {
      tally.take('scratch', Math.max(0, logits - tile));
      if (!kept) tally.take('scratch', logits);
      tally.take('scratch', rows * (16 + COMPARE_ROW_BYTES));
      tally.take('activations', largest(batches) * compareBytesPerToken(hidden));
      // Targets, losses and figures; losses and figures once more on their way back.
      tally.take('scratch', tokens * COMPARED_TOKEN_BYTES);
      tally.take('scratch', tokens * 4 * (1 + COMPARE_FIGURES));
    });
  }

  /** Gradients of the dense model, made before the pass. */
  #gradients(text: TextShape): void {
    const { tally } = this;
    const { config } = this.#model;
    this.#positionsUpTo([text]);
    this.#denseStream(text);
    tally.scope(() => {
      const rows = largest(this.#batches(text));
      this.#workspace([text], 'compare');
      tally.take('activations', rows * workspaceBytesPerToken(config));
      tally.take('activations', rows * this.#row + tokensOf(text) * this.#row);
      // Every matrix of a layer turned round, and its gradient, in f32.
      tally.take('scratch', (2 * 4 * this.#prunable()) / config.layers);
      tally.take('scratch', SCRATCH_BYTES);
    });
  }

  #export(): void {
    this.tally.take('scratch', maskedLayerBytes(this.#model));
    this.tally.take('scratch', maskedLayerBytes(this.#model));
  }

  #prunable(): number {
    return this.#model.prunable.reduce((sum, m) => sum + m.count, 0);
  }

  /** Norms and counts of all layers stay until the job ends. */
  #selectorBytes({ statistics }: PrunerShape): number {
    const { prunable, config } = this.#model;
    const widths = new Map(config.matrices.map((m) => [m.input, m.cols]));
    const norms = statistics.includes('norm')
      ? [...widths.values()].reduce((sum, n) => sum + n * 4, 0) * config.layers
      : 0;
    return norms + prunable.reduce((sum, m) => sum + m.rows * 4, 0);
  }

  /** Counters of zeros, and score margins on the GPU. */
  #countBytes({ path }: PrunerShape): number {
    return this.#model.prunable.reduce((sum, m) => sum + 64 + (path === 'gpu' ? m.rows * 8 : 0), 0);
  }

  /** Weights on their way to the host where masks are chosen. */
  #readBytes({ path }: PrunerShape): number {
    if (path === 'gpu') return 0;
    const byLayer = new Map<number, number[]>();
    for (const { layer, bytes } of matrixBytes(this.#model))
      byLayer.set(layer, [...(byLayer.get(layer) ?? []), bytes]);
    const needs = [...byLayer.values()].map((sizes) => {
      const all = sizes.reduce((a, b) => a + b, 0);
      return path === 'cpu' && all <= LAYER_READ_BYTES ? all : Math.max(...sizes);
    });
    return Math.max(0, ...needs);
  }
}

function tokensOf({ lengths }: TextShape): number {
  return lengths.reduce((a, b) => a + b, 0);
}

function largest(batches: readonly Batch[]): number {
  return Math.max(1, ...batches.map((b) => b.rows));
}

function wantedOf(statistics: readonly Statistic[]): WantedStatistics {
  const has = (name: Statistic): boolean => statistics.includes(name);
  return { norm: has('norm'), gram: has('gram'), moments: has('moments') };
}

/** Rows of scores that attention holds at once, and bytes of one. Short submits hold fewer. */
function attentionRows({ sequences, length }: Batch, heads: number): { rows: number; keyBytes: number } {
  const keyBytes = Math.ceil(length / 4) * 16;
  const rows = Math.min(sequences * heads * length, Math.max(64, Math.floor(SCRATCH_BYTES / keyBytes)));
  return { rows, keyBytes };
}
