/**
 * Pruned layers on the GPU: one bit per prunable weight, new weights where a pruner changes the kept ones, and masked
 * copies for the passes that use them.
 */
import type { GpuContext } from '../gpu/context';
import type { Recorder } from '../gpu/recorder';
import type { LabBuffer, Scope } from '../gpu/scope';
import { DTYPE_BYTES } from '../core/dtypes';
import { applyMask } from '../ops/applyMask';
import type { MaskBuffer, Weight } from '../ops/types';
import type { MatrixView } from '../models/decoder';
import { matrixOf, type LoadedModel } from '../models/load';
import { LAYER_SCRATCH_BYTES } from './layerShapes';

/** By matrix. */
export type LayerMasks = Record<string, MaskBuffer>;

/** New weights by matrix, in the dtype and layout of the ones they stand for. */
export type LayerValues = Record<string, Weight>;

/** What a pruner made of one layer. */
export interface PrunedLayer {
  masks: LayerMasks;
  /** Absent where kept weights stay as they are. */
  values?: LayerValues;
}

/** The mask of a matrix; there is none of another name. */
export function maskOf(masks: LayerMasks, name: string): MaskBuffer {
  const mask = masks[name];
  if (!mask) throw new Error(`there is no mask of ${name}`);
  return mask;
}

export function allocLayerMasks(scope: Scope, model: LoadedModel, layer: number): LayerMasks {
  const matrices = model.layers[layer]?.matrices;
  if (!matrices) throw new Error(`there is no layer ${layer}`);
  const make = (name: string, { rows, cols }: Weight): MaskBuffer => {
    const wordsPerRow = Math.ceil(cols / 32);
    return {
      buffer: scope.alloc(rows * wordsPerRow * 4, 'masks', `mask ${layer} ${name}`),
      rows,
      cols,
      wordsPerRow,
    };
  };
  return Object.fromEntries(Object.entries(matrices).map(([name, w]) => [name, make(name, w)]));
}

/** Sets every bit of a mask. */
export function keepAll(rec: Recorder, out: MaskBuffer): void {
  const words = new Uint32Array(out.rows * out.wordsPerRow).fill(0xffffffff);
  const rest = out.cols % 32;
  if (rest > 0) for (let r = 0; r < out.rows; r++) words[(r + 1) * out.wordsPerRow - 1] = 2 ** rest - 1;
  rec.write(out.buffer, 0, words);
}

/** Room for new weights of one layer. */
function allocLayerValues(scope: Scope, model: LoadedModel, layer: number): LayerValues {
  const matrices = model.layers[layer]?.matrices;
  if (!matrices) throw new Error(`there is no layer ${layer}`);
  // Layers have the same shapes; a dtype may differ between them, so room is made for the largest.
  const largest = (name: string, shard: number): number =>
    Math.max(...model.layers.map((_, l) => matrixOf(model, l, name).shards[shard]?.buffer.bytes ?? 0));
  const make = (name: string, weight: Weight): Weight => ({
    ...weight,
    shards: weight.shards.map((s, i) => ({
      ...s,
      buffer: scope.alloc(largest(name, i), 'masks', `new weights ${layer} ${name}`),
    })),
  });
  return Object.fromEntries(Object.entries(matrices).map(([name, w]) => [name, make(name, w)]));
}

/** Room for one pruned layer; `updates` where the pruner changes kept weights. */
export function allocPrunedLayer(
  scope: Scope,
  model: LoadedModel,
  layer: number,
  updates: boolean,
): PrunedLayer {
  return {
    masks: allocLayerMasks(scope, model, layer),
    ...(updates ? { values: allocLayerValues(scope, model, layer) } : {}),
  };
}

/** A matrix as it is after pruning but for its mask: the new weights, or those of the model. */
export function keptWeight(model: LoadedModel, pruned: PrunedLayer, layer: number, name: string): Weight {
  return pruned.values?.[name] ?? matrixOf(model, layer, name);
}

/**
 * Masked copies of one layer's weights. Base weights are never written. Small layers are copied whole once per layer
 * and serve every batch of tokens; large ones matrix by matrix into one shared buffer, just before each use.
 */
export class MaskedLayer {
  readonly #model: LoadedModel;
  readonly #whole: boolean;
  readonly #scratch = new Map<string, LabBuffer[]>();
  #layer = 0;
  #pruned: PrunedLayer | undefined;

  constructor(_ctx: GpuContext, scope: Scope, model: LoadedModel) {
    this.#model = model;
    const first = model.layers[0]?.matrices;
    if (!first) throw new Error('the model has no layers');
    const bytes = (w: Weight): number[] => w.shards.map((s) => s.rows * w.cols * DTYPE_BYTES[w.dtype]);
    // Layers have the same shapes; a dtype may differ between them, so room is made for the largest.
    const largest = (m: string): number[] => {
      const all = model.layers.map((_, layer) => bytes(matrixOf(model, layer, m)));
      return Array.from({ length: Math.max(...all.map((b) => b.length)) }, (_, i) =>
        Math.max(...all.map((b) => b[i] ?? 0)),
      );
    };
    const sizes = new Map(Object.keys(first).map((m) => [m, largest(m)]));
    const total = [...sizes.values()].flat().reduce((a, b) => a + b, 0);
    this.#whole = total <= LAYER_SCRATCH_BYTES;
    if (this.#whole) {
      for (const [m, list] of sizes)
        this.#scratch.set(
          m,
          list.map((b) => scope.alloc(b, 'scratch', `masked ${m}`)),
        );
    } else {
      const count = Math.max(...[...sizes.values()].map((l) => l.length));
      const shared = Array.from({ length: count }, (_, i) =>
        Math.max(...[...sizes.values()].map((l) => l[i] ?? 0)),
      );
      this.#scratch.set(
        'shared',
        shared.map((b) => scope.alloc(b, 'scratch', 'masked weights')),
      );
    }
  }

  /** Whether all matrices of a layer are masked at once, each in memory of its own. */
  get whole(): boolean {
    return this.#whole;
  }

  /** Makes `matrix` serve this layer as it was pruned. */
  async use(rec: Recorder, layer: number, pruned: PrunedLayer): Promise<void> {
    this.#layer = layer;
    this.#pruned = pruned;
    if (this.#whole) for (const name of Object.keys(pruned.masks)) await this.#apply(rec, name);
  }

  /** For Decoder.block. */
  view(rec: Recorder): (name: string) => MatrixView | Promise<MatrixView> {
    return async (name) => {
      if (!this.#whole) await this.#apply(rec, name);
      return { weight: this.#target(name) };
    };
  }

  /** The masked copy of one matrix, valid until the next matrix where memory is shared. */
  async masked(rec: Recorder, name: string): Promise<Weight> {
    if (!this.#whole) await this.#apply(rec, name);
    return this.#target(name);
  }

  #base(name: string): Weight {
    return matrixOf(this.#model, this.#layer, name);
  }

  #target(name: string): Weight {
    const base = this.#base(name);
    const buffers = this.#scratch.get(this.#whole ? name : 'shared') ?? [];
    return { ...base, shards: base.shards.map((s, i) => ({ ...s, buffer: buffers[i] as LabBuffer })) };
  }

  async #apply(rec: Recorder, name: string): Promise<void> {
    if (!this.#pruned) throw new Error('use() was not called');
    const weight = keptWeight(this.#model, this.#pruned, this.#layer, name);
    await applyMask(rec, weight, maskOf(this.#pruned.masks, name), this.#target(name));
  }
}
