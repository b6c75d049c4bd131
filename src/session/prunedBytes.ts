/**
 * Pruned weights as an export writes them. Where kept weights stay as they are, the file's own bytes with zeros where the
 * masks say so: only masks come back from the GPU. Where a pruner changes them, a layer comes back while the one before
 * it is written.
 */
import { DTYPE_BYTES } from '../core/dtypes';
import { transpose } from '../core/transpose';
import type { OpenedModel } from '../formats/hfModel';
import { zeroPruned } from '../formats/masks';
import { wholeTensor } from '../formats/tensorBytes';
import type { Recorder } from '../gpu/recorder';
import type { LabBuffer, Scope } from '../gpu/scope';
import type { PrunableMatrix } from '../models/inspect';
import { matrixOf, type LoadedModel } from '../models/load';
import type { Weight } from '../ops/types';
import { MaskedLayer, maskOf, type PrunedLayer } from '../pruning/masks';
import { fileWeight } from './fileLayout';

/** By matrix: mask words, or the bytes of masked weights as [outputs, inputs]. */
type Layer = Map<string, ArrayBuffer>;

export class PrunedBytes {
  readonly #rec: Recorder;
  readonly #model: LoadedModel;
  readonly #layers: readonly PrunedLayer[];
  readonly #opened: OpenedModel;
  /** In the order in which the files hold them. */
  readonly #order: number[];
  /** Of layers with new weights. */
  readonly #masked: MaskedLayer | null;
  /** Masked layers come back as a whole. */
  readonly #whole: boolean;
  #inUse = -1;
  readonly #read = new Map<number, Promise<Layer>>();

  /**
   * What it takes belongs to `scope`, which is to be ready before the first bytes are asked for. `opened`: where the
   * model's bytes are read.
   */
  constructor(
    rec: Recorder,
    scope: Scope,
    model: LoadedModel,
    layers: readonly PrunedLayer[],
    opened: OpenedModel = model.plan.opened,
  ) {
    this.#rec = rec;
    this.#model = model;
    this.#layers = layers;
    const { plan } = model;
    this.#opened = opened;
    const layerOf = new Map(plan.prunable.map((m) => [m.name, m.layer]));
    const files = plan.opened.weightFiles.map(({ path }) => path);
    const inFiles = [...plan.opened.tensors.values()].sort(
      (a, b) => files.indexOf(a.file) - files.indexOf(b.file) || a.begin - b.begin,
    );
    this.#order = inFiles
      .flatMap((t) => layerOf.get(t.name) ?? [])
      .filter((layer, i, all) => layer !== all[i - 1]);
    this.#masked = layers.some((l) => l.values) ? new MaskedLayer(rec.ctx, scope, model) : null;
    // Large layers, and layers that lie mixed up, come back matrix by matrix when they are asked for.
    const inTurn = new Set(this.#order).size === this.#order.length;
    const inOnePiece = model.layers.every(({ matrices }) =>
      Object.values(matrices).every((w) => w.shards.length === 1),
    );
    this.#whole = this.#masked?.whole === true && inTurn && inOnePiece;
  }

  /**
   * The bytes of a matrix in its file's layout, pruned weights +0. They belong to the caller: of an updated layer a matrix
   * is had once.
   */
  async of({ layer, matrix, name, transposed }: PrunableMatrix): Promise<Uint8Array<ArrayBuffer>> {
    const weight = matrixOf(this.#model, layer, matrix);
    if (!this.#masked) {
      const mask = maskOf(this.#layer(layer).masks, matrix);
      const entry = this.#opened.tensors.get(name);
      const words = (await this.#ahead(layer)).get(matrix);
      if (!entry || !words) throw new Error(`there is no matrix ${matrix} in layer ${layer}`);
      const bytes = await wholeTensor(entry, this.#rec.signal);
      zeroPruned(bytes, DTYPE_BYTES[weight.dtype], { ...mask, words: new Uint32Array(words) }, transposed);
      return bytes;
    }
    if (!this.#whole) {
      await this.#use(this.#masked, layer);
      return fileWeight(this.#rec, await this.#masked.masked(this.#rec, matrix), transposed);
    }
    const bytes = new Uint8Array((await this.#ahead(layer)).get(matrix) ?? new ArrayBuffer(0));
    return transposed ? transpose(bytes, DTYPE_BYTES[weight.dtype], weight.rows, weight.cols) : bytes;
  }

  /** Waits for what is under way: it uses memory that its owner is about to free. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#read.values());
  }

  #layer(layer: number): PrunedLayer {
    const pruned = this.#layers[layer];
    if (!pruned) throw new Error(`layer ${layer} was not pruned`);
    return pruned;
  }

  /** What was read of `layer`; the next one is under way when this returns. */
  async #ahead(layer: number): Promise<Layer> {
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
    const names = Object.keys(this.#model.layers[layer]?.matrices ?? {});
    const pieces: { buffer: LabBuffer; bytes: number }[] = [];
    if (this.#masked) {
      await this.#use(this.#masked, layer);
      for (const name of names) {
        const weight = await this.#masked.masked(this.#rec, name);
        for (const { buffer } of weight.shards) pieces.push({ buffer, bytes: byteLength(weight) });
      }
    } else
      for (const name of names) {
        const { buffer, rows, wordsPerRow } = maskOf(this.#layer(layer).masks, name);
        pieces.push({ buffer, bytes: rows * wordsPerRow * 4 });
      }
    const read = await this.#rec.readMany(pieces);
    return new Map(names.map((name, i) => [name, read[i] ?? new ArrayBuffer(0)]));
  }

  async #use(masked: MaskedLayer, layer: number): Promise<void> {
    if (this.#inUse !== layer) await masked.use(this.#rec, layer, this.#layer(layer));
    this.#inUse = layer;
  }
}

function byteLength({ rows, cols, dtype }: Weight): number {
  return rows * cols * DTYPE_BYTES[dtype];
}
