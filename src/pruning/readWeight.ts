/** Weights out of GPU memory. */
import { DTYPE_BYTES } from '../core/dtypes';
import type { Recorder } from '../gpu/recorder';
import type { Weight } from '../ops/types';

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
