/** Writes safetensors bytes for what the lab adds of its own (masks, logits): header first, then the tensors. */
import { DTYPE_BYTES, type Dtype } from '../core/dtypes';
import { elementCount } from './safetensors';

export interface TensorSpec {
  name: string;
  dtype: Dtype;
  shape: readonly number[];
}

/**
 * The 8 length bytes and the header for `tensors` laid out one after another in the given order, padded with spaces
 * so that the data part begins on a multiple of 8 bytes.
 */
export function safetensorsPrefix(
  tensors: readonly TensorSpec[],
  metadata: Record<string, string> = {},
): Uint8Array {
  let at = 0;
  const entries: [string, unknown][] = [['__metadata__', metadata]];
  for (const { name, dtype, shape } of tensors) {
    const bytes = tensorBytes({ name, dtype, shape });
    entries.push([name, { dtype, shape, data_offsets: [at, at + bytes] }]);
    at += bytes;
  }
  const text = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const length = Math.ceil(text.byteLength / 8) * 8;
  const prefix = new Uint8Array(8 + length).fill(0x20);
  new DataView(prefix.buffer).setBigUint64(0, BigInt(length), true);
  prefix.set(text, 8);
  return prefix;
}

/** Bytes of the data of one tensor. */
export function tensorBytes(tensor: TensorSpec): number {
  const count = elementCount(tensor.shape);
  if (count === null) throw new RangeError(`${tensor.name}: too many elements`);
  return count * DTYPE_BYTES[tensor.dtype];
}

/** A whole small file in memory. `bytes` of each tensor: row-major, little-endian. */
export function encodeSafetensors(
  tensors: readonly (TensorSpec & { bytes: Uint8Array })[],
  metadata: Record<string, string> = {},
): Uint8Array<ArrayBuffer> {
  const prefix = safetensorsPrefix(tensors, metadata);
  const out = new Uint8Array(prefix.byteLength + tensors.reduce((sum, t) => sum + tensorBytes(t), 0));
  out.set(prefix);
  let at = prefix.byteLength;
  for (const tensor of tensors) {
    if (tensor.bytes.byteLength !== tensorBytes(tensor)) {
      throw new RangeError(`${tensor.name}: ${tensor.bytes.byteLength} bytes do not fit its shape`);
    }
    out.set(tensor.bytes, at);
    at += tensor.bytes.byteLength;
  }
  return out;
}
