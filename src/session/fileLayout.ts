/** Weights and masks out of GPU memory in the layout of the model's files: what exports hold and hashes are of. */
import { sha256Hex } from '../core/hash';
import { transpose } from '../core/transpose';
import { packMask } from '../formats/masks';
import type { Recorder } from '../gpu/recorder';
import type { LoadedModel } from '../models/load';
import type { MaskBuffer, Weight } from '../ops/types';
import type { PrunedLayer } from '../pruning/masks';
import { readWeight } from '../pruning/readWeight';

/** Bytes of one weight; `transposed` where the file holds [inputs, outputs]. */
export async function fileWeight(
  rec: Recorder,
  weight: Weight,
  transposed: boolean,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await readWeight(rec, weight);
  const { rows, cols } = weight;
  return transposed ? transpose(bytes, bytes.byteLength / (rows * cols), rows, cols) : bytes;
}

/** The bits of one mask, packed as in masks.safetensors (formats/masks.ts). */
export async function fileMask(
  rec: Recorder,
  mask: MaskBuffer,
  transposed: boolean,
): Promise<Uint8Array<ArrayBuffer>> {
  const { buffer, rows, cols, wordsPerRow } = mask;
  const words = new Uint32Array(await rec.read(buffer, 0, rows * wordsPerRow * 4));
  return packMask(words, rows, cols, wordsPerRow, transposed);
}

/** SHA-256 of every mask by tensor name; one matrix is on the host at a time. */
export async function maskHashes(
  rec: Recorder,
  model: LoadedModel,
  layers: readonly PrunedLayer[],
): Promise<Record<string, string>> {
  const out: Record<string, string> = {};
  for (const { layer, matrix, name, transposed } of model.plan.prunable) {
    const mask = layers[layer]?.masks[matrix];
    if (mask) out[name] = await sha256Hex(await fileMask(rec, mask, transposed));
  }
  return out;
}
