/** Masks out of GPU memory, packed as they are exported, and their hashes for the report. */
import { sha256Hex } from '../core/hash';
import { packMask } from '../formats/masks';
import type { Recorder } from '../gpu/recorder';
import type { LoadedModel } from '../models/load';
import type { MaskBuffer } from '../ops/types';
import type { LayerMasks } from '../pruning/masks';

/** The bits of one mask in file layout (formats/masks.ts). */
export async function readMask(rec: Recorder, mask: MaskBuffer): Promise<Uint8Array<ArrayBuffer>> {
  const { buffer, rows, cols, wordsPerRow } = mask;
  const words = new Uint32Array(await rec.read(buffer, 0, rows * wordsPerRow * 4));
  return packMask(words, rows, cols, wordsPerRow);
}

/** SHA-256 of every mask by tensor name; one matrix is on the host at a time. */
export async function maskHashes(
  rec: Recorder,
  model: LoadedModel,
  masks: readonly LayerMasks[],
): Promise<Record<string, string>> {
  const out: Record<string, string> = {};
  for (const { layer, matrix, name } of model.plan.prunable) {
    const mask = masks[layer]?.[matrix];
    if (mask) out[name] = await sha256Hex(await readMask(rec, mask));
  }
  return out;
}
