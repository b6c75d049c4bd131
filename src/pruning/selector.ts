/**
 * Fills the masks of one layer: from a pruner's rule, a pattern, the rates and the input norms. The GPU path is the
 * default on every real adapter; on software adapters the CPU twin is faster and gives the same bits.
 */
import { DTYPE_BYTES } from '../core/dtypes';
import type { Pattern } from '../core/spec';
import type { Recorder } from '../gpu/recorder';
import type { LabBuffer, Scope } from '../gpu/scope';
import { matrixRule, rowCounts, selectGroups, selectMatrix, selectRows } from '../ops/select';
import { relativeMargin } from '../ops/rowMargin';
import { rowMarginCpu } from '../ops/rowMarginCpu';
import { maskFromRanks, rowRanks, selectGroupsCpu, selectMatrixCpu, selectRowsCpu } from '../ops/selectCpu';
import type { MaskBuffer, Vec, Weight } from '../ops/types';
import type { LayerNorms } from '../models/inputStatistics';
import type { LoadedModel } from '../models/load';
import { maskOf, type LayerMasks } from './masks';
import type { Params, Pruner } from './pruners/define';

export interface SelectorOptions {
  pruner: Pruner;
  params: Params;
  pattern: Pattern;
  exactBudget: boolean;
  path: 'gpu' | 'cpu';
}

/** Host bytes that remembered row orders may take (2 per prunable weight). */
const RANK_CACHE_BYTES = 512 << 20;

/** A layer of at most this much is read back at once; its staging memory counts. */
const LAYER_READ_BYTES = 16 << 20;

/**
 * Row orders do not depend on the sparsity: with fixed statistics one sort per row serves every beta. Kept on the host
 * for the CPU path; valid for one set of norms.
 */
export class RankCache {
  readonly #ranks = new Map<string, Uint16Array<ArrayBuffer>>();
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }
  get(key: string): Uint16Array<ArrayBuffer> | undefined {
    return this.#ranks.get(key);
  }
  set(key: string, ranks: Uint16Array<ArrayBuffer>): void {
    if (this.#bytes + ranks.byteLength > RANK_CACHE_BYTES) return;
    this.#bytes += ranks.byteLength;
    this.#ranks.set(key, ranks);
  }
  clear(): void {
    this.#ranks.clear();
    this.#bytes = 0;
  }
}

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

  /** Masks of `layer` into `out`. `rates` are fractions of zeros by matrix; `norms` null for data-free pruners. */
  async select(
    rec: Recorder,
    layer: number,
    rates: Record<string, number>,
    norms: LayerNorms | null,
    out: LayerMasks,
    ranks?: RankCache,
  ): Promise<void> {
    const matrices = this.#model.layers[layer]?.matrices;
    if (!matrices) throw new Error(`there is no layer ${layer}`);
    const read =
      this.#options.path === 'cpu' ? await this.#readLayer(rec, matrices, rates, ranks) : undefined;
    for (const [name, weight] of Object.entries(matrices)) {
      const norm = this.#normOf(name, norms);
      const mask = maskOf(out, name);
      const rate = rateOf(rates, name);
      if (this.#options.pattern === 'free' && rate <= 0) keepAll(rec, mask);
      else if (this.#options.path === 'gpu') await this.#onGpu(rec, name, weight, rate, norm, mask);
      else rec.write(mask.buffer, 0, await this.#onCpu(rec, weight, rate, norm, ranks, read?.get(weight)));
    }
  }

  /** Unit of comparison of these masks. */
  get unit(): 'row' | 'matrix' | 'group' {
    return this.#options.pattern === 'free' ? this.#options.pruner.scope(this.#options.params) : 'group';
  }

  /** The norms that score matrix `name`, on the GPU; null for a data-free pruner. */
  normsOf(rec: Recorder, name: string, norms: LayerNorms | null): Vec | null {
    return this.#uploadNorms(rec, name, this.#normOf(name, norms));
  }

  /** Norms of the input that matrix `name` reads. */
  #normOf(name: string, norms: LayerNorms | null): Float32Array<ArrayBuffer> | null {
    if (!norms) return null;
    const norm = norms[this.#inputs.get(name) ?? ''];
    if (!norm) throw new Error(`there are no norms for ${name}`);
    return norm;
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
    rate: number,
    norm: Float32Array<ArrayBuffer> | null,
    out: MaskBuffer,
  ): Promise<void> {
    const { pruner, params, pattern, exactBudget } = this.#options;
    const norms = this.#uploadNorms(rec, name, norm);
    if (pattern !== 'free') await selectGroups(rec, weight, norms, pattern, out);
    else if (pruner.scope(params) === 'matrix')
      await selectMatrix(rec, weight, norms, matrixRule(weight.rows, weight.cols, rate, exactBudget), out);
    else {
      const counts = rowCounts(weight.rows, weight.cols, rate, exactBudget);
      const key = `${weight.rows} ${weight.cols} ${rate}`;
      let buffer = this.#counts.get(key);
      if (!buffer) {
        buffer = this.#memory.alloc(counts.byteLength, 'scratch', `counts ${name}`);
        this.#counts.set(key, buffer);
        rec.ctx.device.queue.writeBuffer(buffer.raw, 0, counts);
      }
      await selectRows(rec, weight, norms, buffer, out);
    }
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
    rates: Record<string, number>,
    ranks: RankCache | undefined,
  ): Promise<Map<Weight, Uint8Array>> {
    const free = this.#options.pattern === 'free';
    const wanted = Object.entries(matrices).flatMap(([name, weight]) =>
      !free || (rateOf(rates, name) > 0 && (this.collectMargins || !ranks?.get(weight.name))) ? [weight] : [],
    );
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
    rate: number,
    norm: Float32Array<ArrayBuffer> | null,
    ranks: RankCache | undefined,
    read: Uint8Array | undefined,
  ): Promise<Uint32Array> {
    if (!this.collectMargins || this.unit === 'group')
      return this.#chooseOnCpu(rec, weight, rate, norm, ranks, read);
    const bytes = read ?? (await readWeight(rec, weight));
    const mask = await this.#chooseOnCpu(rec, weight, rate, norm, ranks, bytes);
    const margin = relativeMargin(
      rowMarginCpu(bytes, weight.dtype, weight.rows, weight.cols, norm, mask),
      this.unit,
    );
    if (margin !== null) this.margin = Math.min(this.margin ?? Infinity, margin);
    return mask;
  }

  async #chooseOnCpu(
    rec: Recorder,
    weight: Weight,
    rate: number,
    norm: Float32Array<ArrayBuffer> | null,
    ranks: RankCache | undefined,
    known?: Uint8Array,
  ): Promise<Uint32Array> {
    const { pruner, params, pattern, exactBudget } = this.#options;
    const { rows, cols, dtype } = weight;
    const rowScope = pattern === 'free' && pruner.scope(params) === 'row';
    const remembered = rowScope ? ranks?.get(weight.name) : undefined;
    if (remembered) return maskFromRanks(remembered, rows, cols, rowCounts(rows, cols, rate, exactBudget));
    const bytes = known ?? (await readWeight(rec, weight));
    if (pattern !== 'free') return selectGroupsCpu(bytes, dtype, rows, cols, norm, pattern);
    if (pruner.scope(params) === 'matrix')
      return selectMatrixCpu(bytes, dtype, rows, cols, norm, matrixRule(rows, cols, rate, exactBudget));
    const counts = rowCounts(rows, cols, rate, exactBudget);
    if (ranks && cols <= 65536) {
      const fresh = rowRanks(bytes, dtype, rows, cols, norm);
      ranks.set(weight.name, fresh);
      return maskFromRanks(fresh, rows, cols, counts);
    }
    return selectRowsCpu(bytes, dtype, rows, cols, norm, counts);
  }
}

function rateOf(rates: Record<string, number>, name: string): number {
  const rate = rates[name];
  if (rate === undefined) throw new Error(`there is no rate for ${name}`);
  return rate;
}

/** The bytes of a weight, read back from the GPU. */
export async function readWeight(rec: Recorder, weight: Weight): Promise<Uint8Array<ArrayBuffer>> {
  const rowBytes = weight.cols * DTYPE_BYTES[weight.dtype];
  const [first] = weight.shards;
  if (weight.shards.length === 1 && first)
    return new Uint8Array(await rec.read(first.buffer, 0, first.rows * rowBytes));
  const out = new Uint8Array(weight.rows * rowBytes);
  for (const shard of weight.shards)
    out.set(
      new Uint8Array(await rec.read(shard.buffer, 0, shard.rows * rowBytes)),
      shard.rowBegin * rowBytes,
    );
  return out;
}

function keepAll(rec: Recorder, out: MaskBuffer): void {
  const words = new Uint32Array(out.rows * out.wordsPerRow).fill(0xffffffff);
  const rest = out.cols % 32;
  if (rest > 0) for (let r = 0; r < out.rows; r++) words[(r + 1) * out.wordsPerRow - 1] = 2 ** rest - 1;
  rec.write(out.buffer, 0, words);
}
