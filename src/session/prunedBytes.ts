/** Pruned weights as an export writes them: a layer comes back from the GPU while the one before it is written. */
import { DTYPE_BYTES } from '../core/dtypes';
import { transpose } from '../core/transpose';
import type { Recorder } from '../gpu/recorder';
import type { PrunableMatrix } from '../models/inspect';
import type { LoadedModel } from '../models/load';
import type { Weight } from '../ops/types';
import type { MaskedLayer, PrunedLayer } from '../pruning/masks';
import { fileWeight } from './fileLayout';

type Layer = Map<string, Uint8Array<ArrayBuffer>>;

export class PrunedBytes {
  readonly #rec: Recorder;
  readonly #model: LoadedModel;
  readonly #masked: MaskedLayer;
  readonly #layers: readonly PrunedLayer[];
  /** In the order in which the files hold them. */
  readonly #order: number[];
  readonly #whole: boolean;
  #inUse = -1;
  readonly #read = new Map<number, Promise<Layer>>();

  constructor(rec: Recorder, model: LoadedModel, masked: MaskedLayer, layers: readonly PrunedLayer[]) {
    this.#rec = rec;
    this.#model = model;
    this.#masked = masked;
    this.#layers = layers;
    const layerOf = new Map(model.plan.prunable.map((m) => [m.name, m.layer]));
    const files = model.plan.opened.weightFiles.map(({ path }) => path);
    const inFiles = [...model.plan.opened.tensors.values()].sort(
      (a, b) => files.indexOf(a.file) - files.indexOf(b.file) || a.begin - b.begin,
    );
    this.#order = inFiles
      .flatMap((t) => layerOf.get(t.name) ?? [])
      .filter((layer, i, all) => layer !== all[i - 1]);
    // Large layers, and layers that lie mixed up, come back matrix by matrix when they are asked for.
    const inTurn = new Set(this.#order).size === this.#order.length;
    const inOnePiece = model.layers.every(({ matrices }) =>
      Object.values(matrices).every((w) => w.shards.length === 1),
    );
    this.#whole = masked.whole && inTurn && inOnePiece;
  }

  /** The bytes of a matrix in its file's layout, pruned weights +0. They belong to the caller until the next layer. */
  async of({ layer, matrix, transposed }: PrunableMatrix): Promise<Uint8Array<ArrayBuffer>> {
    if (!this.#whole) {
      await this.#use(layer);
      return fileWeight(this.#rec, await this.#masked.masked(this.#rec, matrix), transposed);
    }
    const bytes = (await this.#layer(layer)).get(matrix);
    const weight = this.#model.layers[layer]?.matrices[matrix];
    if (!bytes || !weight) throw new Error(`there is no matrix ${matrix} in layer ${layer}`);
    return transposed ? transpose(bytes, DTYPE_BYTES[weight.dtype], weight.rows, weight.cols) : bytes;
  }

  /** Waits for what is under way: it uses memory that its owner is about to free. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#read.values());
  }

  /** What was read of `layer`; the next one is under way when this returns. */
  async #layer(layer: number): Promise<Layer> {
    const next = this.#order[this.#order.indexOf(layer) + 1];
    for (const old of this.#read.keys()) if (old !== layer && old !== next) this.#read.delete(old);
    // One after the other: they share the memory of the masked copy.
    const found = await this.#start(layer);
    if (next !== undefined) void this.#start(next);
    return found;
  }

  #start(layer: number): Promise<Layer> {
    let reading = this.#read.get(layer);
    if (!reading) {
      reading = this.#readBack(layer);
      // Whoever asks for the layer hears of the failure.
      reading.catch(() => undefined);
      this.#read.set(layer, reading);
    }
    return reading;
  }

  async #readBack(layer: number): Promise<Layer> {
    await this.#use(layer);
    const names = Object.keys(this.#model.layers[layer]?.matrices ?? {});
    const pieces = [];
    for (const name of names) {
      const weight = await this.#masked.masked(this.#rec, name);
      for (const { buffer } of weight.shards) pieces.push({ buffer, bytes: byteLength(weight) });
    }
    const read = await this.#rec.readMany(pieces);
    return new Map(names.map((name, i) => [name, new Uint8Array(read[i] ?? new ArrayBuffer(0))]));
  }

  async #use(layer: number): Promise<void> {
    const pruned = this.#layers[layer];
    if (!pruned) throw new Error(`layer ${layer} was not pruned`);
    if (this.#inUse !== layer) await this.#masked.use(this.#rec, layer, pruned);
    this.#inUse = layer;
  }
}

function byteLength({ rows, cols, dtype }: Weight): number {
  return rows * cols * DTYPE_BYTES[dtype];
}
