/**
 * Made-up operands for trying kernels: the self-test, the benchmark and the tests. Values are seeded, outputs are
 * poisoned, so that what a kernel leaves out or writes too much shows.
 */
import { DTYPE_BYTES, fromF32, toF32, type FloatDtype } from '../core/dtypes';
import { Rng } from '../core/rng';
import type { GpuContext } from '../gpu/context';
import type { Recorder } from '../gpu/recorder';
import type { LabBuffer, Scope } from '../gpu/scope';
import type { Act, Vec, Weight, WeightShard } from './types';

/** Where operands are put; they live as long as the scope. */
export interface Place {
  ctx: GpuContext;
  scope: Scope;
}

/** Seeded standard normals, rounded to f32. */
export function normals(count: number, seed: number, scale = 1): Float32Array {
  const rng = new Rng(seed, 'trial');
  return Float32Array.from({ length: count }, () => rng.normal() * scale);
}

/** A storage buffer that holds `data`. */
export function upload(
  { ctx, scope }: Place,
  data: Float32Array | Uint32Array | Uint8Array,
  label = 'trial data',
): LabBuffer {
  const buffer = scope.alloc(data.byteLength, 'activations', label);
  // Whole words: what does not fill the last one is padded with zeros.
  const bytes = new Uint8Array(Math.ceil(data.byteLength / 4) * 4);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  ctx.device.queue.writeBuffer(buffer.raw, 0, bytes);
  return buffer;
}

export function uploadAct(fixture: Place, data: Float32Array, cols: number): Act {
  return { buffer: upload(fixture, data), rows: data.length / cols, cols };
}

export function uploadVec(fixture: Place, data: Float32Array): Vec {
  return { buffer: upload(fixture, data), length: data.length };
}

/** An output full of NaN, 16 values longer than needed: an element that a kernel misses or adds shows. */
export function poisonedAct(fixture: Place, rows: number, cols: number): Act {
  return {
    buffer: upload(fixture, new Float32Array(rows * cols + 16).fill(NaN), 'trial output'),
    rows,
    cols,
  };
}

/** Reads an output of poisonedAct and checks that nothing was written behind its end. */
export async function readAct({ rec }: { rec: Recorder }, act: Act): Promise<Float32Array> {
  const count = act.rows * act.cols;
  const values = await rec.readF32(act.buffer, count + 16);
  for (let i = count; i < values.length; i++) {
    if (!Number.isNaN(values[i]))
      throw new Error(
        `Something was written ${i - count} elements behind the end of ${act.rows} x ${act.cols}.`,
      );
  }
  return values.subarray(0, count);
}

export interface TrialWeight {
  weight: Weight;
  /** The values as stored: rounded to the type. */
  values: Float32Array;
}

/** `values` [rows, cols] stored as `dtype`, in shards of at most `shardRows` rows. */
export function uploadWeight(
  fixture: Place,
  values: Float32Array,
  cols: number,
  dtype: FloatDtype,
  shardRows = Infinity,
): TrialWeight {
  const rows = values.length / cols;
  const bytes = fromF32(values, dtype);
  const rowBytes = cols * DTYPE_BYTES[dtype];
  const shards: WeightShard[] = [];
  for (let rowBegin = 0; rowBegin < rows; rowBegin += shardRows) {
    const count = Math.min(shardRows, rows - rowBegin);
    const buffer = upload(
      fixture,
      bytes.slice(rowBegin * rowBytes, (rowBegin + count) * rowBytes),
      `trial weight ${rowBegin}`,
    );
    shards.push({ buffer, rowBegin, rows: count });
  }
  return { weight: { name: 'trial weight', rows, cols, dtype, shards }, values: toF32(bytes, dtype) };
}
