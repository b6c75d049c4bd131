/**
 * Fills the masks of one layer: from a pruner's rule, a pattern, the rates and the input norms. The GPU path is the
 * default on every real adapter; on software adapters the CPU twin is faster and gives the same bits.
 */
import { DTYPE_BYTES } from '../core/dtypes';
import type { Pattern } from '../core/spec';
import type { Recorder } from '../gpu/recorder';
import type { LabBuffer, Scope } from '../gpu/scope';
import { matrixRule, rowCounts, type GroupPattern } from '../ops/selectRules';
import { relativeMargin } from '../ops/relativeMargin';
import { rowMarginCpu } from '../ops/rowMarginCpu';
import {
  maskFromRanks as maskFromRanksCpu,
  rowRanks,
  selectGroupsCpu,
  selectMatrixCpu,
  selectRowsCpu,
} from '../ops/selectCpu';
import type { MaskBuffer, Vec, Weight } from '../ops/types';
import type { LoadedModel } from '../models/load';
import type { Chooser, LayerInputs } from './chooser';
import { keepAll, maskOf, type PrunedLayer } from './masks';
import type { RankCache } from './rankCache';
import type { Params, Pruner } from './pruners/define';
import { fractionOf, rateOf, type MatrixRates, type Rate } from './rates';
import { readWeight } from './readWeight';

export interface SelectorOptions {
  pruner: Pruner;
  params: Params;
  pattern: Pattern;
  /** The patterns come with the rates. */
  mixed?: boolean;
  exactBudget: boolean;
  path: 'gpu' | 'cpu';
  /** Of a pruner that is more than a score |W| times a norm. */
  chooser?: Chooser | undefined;
}

/** A layer of at most this much is read back at once; its staging memory counts. */
const LAYER_READ_BYTES = 16 << 20;

export class Selector {
  readonly #model: LoadedModel;
  readonly #memory: Scope;
  readonly #options: SelectorOptions;
  readonly #norms = new Map<Float32Array, LabBuffer>();
  readonly #counts = new Map<string, LabBuffer>();
  /** Input of each matrix. */
  readonly #inputs: Map<string, string>;

  /** Small GPU buffers (norms, counts) belong to `scope`. */
  constructor(scope: Scope, model: LoadedModel, options: SelectorOptions) {
    this.#memory = scope;
    this.#model = model;
    this.#options = options;
    this.#inputs = new Map(model.config.matrices.map((m) => [m.name, m.input]));
  }

  /** Prunes `layer` into `out`. `inputs` null for pruners that need nothing of them. */
  async select(
    rec: Recorder,
    layer: number,
    rates: MatrixRates,
    inputs: LayerInputs | null,
    out: PrunedLayer,
    ranks?: RankCache,
  ): Promise<void> {
    const matrices = this.#model.layers[layer]?.matrices;
    if (!matrices) throw new Error(`there is no layer ${layer}`);
    const { chooser, path } = this.#options;
    if (chooser) return chooser.layer(rec, layer, rates, inputs, out);
    const read = path === 'cpu' ? await this.#readLayer(rec, matrices, rates, ranks) : undefined;
    for (const [name, weight] of Object.entries(matrices)) {
      const mask = maskOf(out.masks, name);
      const rate = rateOf(rates, name);
      if (!this.#groupOf(rate) && fractionOf(rate) <= 0) keepAll(rec, mask);
      else {
        const norm = this.#normOf(name, inputs);
        if (path === 'gpu') await this.#onGpu(rec, name, weight, rate, norm, mask, ranks);
        else rec.write(mask.buffer, 0, await this.#onCpu(rec, weight, rate, norm, ranks, read?.get(weight)));
      }
    }
  }

  /** The K:M pattern of a matrix, if it has one. */
  #groupOf(rate: Rate): GroupPattern | undefined {
    const { pattern } = this.#options;
    if (typeof rate !== 'number' && rate.group) return rate.group;
    return pattern === 'free' ? undefined : pattern;
  }

  /** Unit of comparison of these masks. */
  get unit(): 'row' | 'matrix' | 'group' {
    const { pattern, mixed, pruner, params } = this.#options;
    return pattern === 'free' && mixed !== true ? pruner.scope(params) : 'group';
  }

  /** Whether the margins of these masks are measured on the GPU, by the same score. */
  get marginsOnGpu(): boolean {
    return this.unit !== 'group' && this.path === 'gpu' && !this.#options.chooser;
  }

  /** The norms that score matrix `name`, on the GPU; null for a data-free pruner. */
  normsOf(rec: Recorder, name: string, inputs: LayerInputs | null): Vec | null {
    return this.#uploadNorms(rec, name, this.#normOf(name, inputs));
  }

  /** Norms of the input that matrix `name` reads. */
  #normOf(name: string, inputs: LayerInputs | null): Float32Array<ArrayBuffer> | null {
    const { pruner, params } = this.#options;
    if (!pruner.statistics(params).includes('norm')) return null;
    const norms = inputs?.statistics[this.#inputs.get(name) ?? '']?.norms;
    if (!norms) throw new Error(`there are no norms for ${name}`);
    return norms;
  }

  /** A buffer of its own for each vector: nothing that is recorded reads it, so nothing has to be submitted first. */
  #uploadNorms(rec: Recorder, name: string, norm: Float32Array<ArrayBuffer> | null): Vec | null {
    if (!norm) return null;
    let buffer = this.#norms.get(norm);
    if (!buffer) {
      buffer = this.#memory.alloc(norm.byteLength, 'scratch', `norms ${name}`);
      this.#norms.set(norm, buffer);
      rec.ctx.device.queue.writeBuffer(buffer.raw, 0, norm);
    }
    return { buffer, length: norm.length };
  }

  async #onGpu(
    rec: Recorder,
    name: string,
    weight: Weight,
    rate: Rate,
    norm: Float32Array<ArrayBuffer> | null,
    out: MaskBuffer,
    ranks: RankCache | undefined,
  ): Promise<void> {
    const { exactBudget } = this.#options;
    // Software adapters choose on the CPU and do without these.
    const { maskFromRanks, selectGroups, selectMatrix, selectRows } = await import('../ops/select');
    const norms = this.#uploadNorms(rec, name, norm);
    const group = this.#groupOf(rate);
    const { rows, cols } = weight;
    if (group) await selectGroups(rec, weight, norms, group, out);
    else if (this.#byMatrix)
      await selectMatrix(rec, weight, norms, matrixRule(rows, cols, fractionOf(rate), exactBudget), out);
    else {
      const counts = this.#countsOf(weight, rate);
      const byRow = typeof rate !== 'number' && rate.rowZeros !== undefined;
      const key = byRow ? `${weight.name} by row` : `${rows} ${cols} ${fractionOf(rate)}`;
      let buffer = this.#counts.get(key);
      if (!buffer) {
        buffer = this.#memory.alloc(counts.byteLength, 'scratch', `counts ${name}`);
        this.#counts.set(key, buffer);
        rec.ctx.device.queue.writeBuffer(buffer.raw, 0, counts);
      }
      const order = await ranks?.onGpu(rec, weight, norms);
      if (order) await maskFromRanks(rec, order, buffer, out);
      else await selectRows(rec, weight, norms, buffer, out);
    }
  }

  get #byMatrix(): boolean {
    const { pruner, params } = this.#options;
    return pruner.scope(params) === 'matrix';
  }

  /** Zeros of each row. */
  #countsOf({ rows, cols }: Weight, rate: Rate): Uint32Array<ArrayBuffer> {
    if (typeof rate !== 'number' && rate.rowZeros) return rate.rowZeros;
    return rowCounts(rows, cols, fractionOf(rate), this.#options.exactBudget);
  }

  /** Smallest relative score gap of the masks chosen on the CPU since `collectMargins` was set; null before. */
  margin: number | null = null;
  /** On the CPU path margins are cheap while the weights are at hand; on the GPU path the pass asks the GPU. */
  collectMargins = false;

  get path(): 'gpu' | 'cpu' {
    return this.#options.path;
  }

  /** The bytes of the matrices that are chosen from, in one round trip where they are few. */
  async #readLayer(
    rec: Recorder,
    matrices: Record<string, Weight>,
    rates: MatrixRates,
    ranks: RankCache | undefined,
  ): Promise<Map<Weight, Uint8Array>> {
    const wanted = Object.entries(matrices).flatMap(([name, weight]) => {
      const rate = rateOf(rates, name);
      if (this.#groupOf(rate)) return [weight];
      return fractionOf(rate) > 0 && (this.collectMargins || !ranks?.get(weight.name)) ? [weight] : [];
    });
    const pieces = wanted.flatMap((w) =>
      w.shards.length === 1 && w.shards[0]
        ? [{ weight: w, buffer: w.shards[0].buffer, bytes: w.rows * w.cols * DTYPE_BYTES[w.dtype] }]
        : [],
    );
    if (pieces.length < 2 || pieces.reduce((sum, p) => sum + p.bytes, 0) > LAYER_READ_BYTES) return new Map();
    const read = await rec.readMany(pieces);
    return new Map(pieces.map((p, i) => [p.weight, new Uint8Array(read[i] ?? new ArrayBuffer(0))]));
  }

  async #onCpu(
    rec: Recorder,
    weight: Weight,
    rate: Rate,
    norm: Float32Array<ArrayBuffer> | null,
    ranks: RankCache | undefined,
    read: Uint8Array | undefined,
  ): Promise<Uint32Array> {
    rec.work.cpuStages += 1;
    if (!this.collectMargins || this.#groupOf(rate))
      return this.#chooseOnCpu(rec, weight, rate, norm, ranks, read);
    const bytes = read ?? (await readWeight(rec, weight));
    const mask = await this.#chooseOnCpu(rec, weight, rate, norm, ranks, bytes);
    const margin = relativeMargin(
      rowMarginCpu(bytes, weight.dtype, weight.rows, weight.cols, norm, mask),
      this.#byMatrix ? 'matrix' : 'row',
    );
    if (margin !== null) this.margin = Math.min(this.margin ?? Infinity, margin);
    return mask;
  }

  async #chooseOnCpu(
    rec: Recorder,
    weight: Weight,
    rate: Rate,
    norm: Float32Array<ArrayBuffer> | null,
    ranks: RankCache | undefined,
    known?: Uint8Array,
  ): Promise<Uint32Array> {
    const { exactBudget } = this.#options;
    const { rows, cols, dtype } = weight;
    const group = this.#groupOf(rate);
    const byRow = !group && !this.#byMatrix;
    const remembered = byRow ? ranks?.get(weight.name) : undefined;
    if (remembered) return maskFromRanksCpu(remembered, rows, cols, this.#countsOf(weight, rate));
    const bytes = known ?? (await readWeight(rec, weight));
    if (group) return selectGroupsCpu(bytes, dtype, rows, cols, norm, group);
    if (!byRow) {
      const rule = matrixRule(rows, cols, fractionOf(rate), exactBudget);
      return selectMatrixCpu(bytes, dtype, rows, cols, norm, rule);
    }
    const counts = this.#countsOf(weight, rate);
    if (ranks && cols <= 65536) {
      const fresh = rowRanks(bytes, dtype, rows, cols, norm);
      ranks.set(weight.name, fresh);
      return maskFromRanksCpu(fresh, rows, cols, counts);
    }
    return selectRowsCpu(bytes, dtype, rows, cols, norm, counts);
  }
}
