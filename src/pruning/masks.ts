/** Masks on the GPU, one bit per prunable weight, and masked copies of weights for the passes that use them. */
import type { GpuContext } from '../gpu/context';
import type { Recorder } from '../gpu/recorder';
import type { LabBuffer, Scope } from '../gpu/scope';
import { DTYPE_BYTES } from '../core/dtypes';
import { applyMask } from '../ops/applyMask';
import type { MaskBuffer, Weight } from '../ops/types';
import type { MatrixView } from '../models/decoder';
import { matrixOf, type LoadedModel } from '../models/load';

/** By matrix. */
export type LayerMasks = Record<string, MaskBuffer>;

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

/** Copies masks of one layer, for example from a run's working set into the set that is kept. */
export function copyLayerMasks(rec: Recorder, from: LayerMasks, to: LayerMasks): void {
  for (const [name, { buffer }] of Object.entries(from))
    rec.copy(buffer, 0, maskOf(to, name).buffer, 0, buffer.bytes);
}

/** A layer's masked copy may take this much; larger layers are masked matrix by matrix. */
const LAYER_SCRATCH_BYTES = 40 << 20;

/**
 * Masked copies of one layer's weights. Base weights are never written. Small layers are copied whole once per layer
 * and serve every batch of tokens; large ones matrix by matrix into one shared buffer, just before each use.
 */
export class MaskedLayer {
  readonly #model: LoadedModel;
  readonly #whole: boolean;
  readonly #scratch = new Map<string, LabBuffer[]>();
  #layer = 0;
  #masks: LayerMasks | undefined;

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

  /** GPU bytes that an instance takes for this model. */
  static bytes(model: LoadedModel): number {
    const layer = model.layers[0];
    if (!layer) return 0;
    const each = Object.values(layer.matrices).map((w) => w.rows * w.cols * DTYPE_BYTES[w.dtype]);
    const total = each.reduce((a, b) => a + b, 0);
    return total <= LAYER_SCRATCH_BYTES ? total : Math.max(...each);
  }

  /** Makes `matrix` serve this layer under these masks. */
  async use(rec: Recorder, layer: number, masks: LayerMasks): Promise<void> {
    this.#layer = layer;
    this.#masks = masks;
    if (this.#whole) for (const name of Object.keys(masks)) await this.#apply(rec, name);
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
    if (!this.#masks) throw new Error('use() was not called');
    await applyMask(rec, this.#base(name), maskOf(this.#masks, name), this.#target(name));
  }
}
