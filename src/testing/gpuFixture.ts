/**
 * GPU tests: one context per test file, a fresh recorder and scope per test. After each test the device must have
 * raised no error and every byte must have been returned.
 */
import { DTYPE_BYTES, fromF32, toF32, type FloatDtype } from '../core/dtypes';
import { Rng } from '../core/rng';
import { GpuContext } from '../gpu/context';
import { Recorder } from '../gpu/recorder';
import type { LabBuffer, Scope } from '../gpu/scope';
import type { Act, Vec, Weight, WeightShard } from '../ops/types';
import { Workspace } from '../ops/workspace';
import { inNode, testGpu } from './setupGpu';

export interface GpuFixture {
  ctx: GpuContext;
  rec: Recorder;
  scope: Scope;
  workspace: Workspace;
}

let shared: Promise<GpuContext> | undefined;

function context(): Promise<GpuContext> {
  shared ??= GpuContext.open(testGpu(), { backend: inNode ? 'dawn-node' : 'chrome' });
  return shared;
}

/** Runs `body` on the file's context and checks afterwards that nothing failed and nothing is left. */
export async function runOnGpu(body: (fixture: GpuFixture) => Promise<void>): Promise<void> {
  const ctx = await context();
  const before = { bytes: ctx.ledger.total, buffers: ctx.ledger.buffers };
  ctx.errors.length = 0;
  const rec = new Recorder(ctx);
  const scope = ctx.root.child();
  try {
    await body({ ctx, rec, scope, workspace: new Workspace(scope) });
    await rec.finish();
    await scope.ready();
  } finally {
    rec.close();
    scope.close();
    await ctx.device.queue.onSubmittedWorkDone();
  }
  if (ctx.errors.length > 0) throw new Error(`The device reported: ${ctx.errors.join('\n')}`);
  if (ctx.ledger.total !== before.bytes || ctx.ledger.buffers !== before.buffers) {
    throw new Error(
      `Memory left behind: ${ctx.ledger.total - before.bytes} bytes in ${ctx.ledger.buffers - before.buffers} buffers.`,
    );
  }
}

/** A test function: `test('…', withGpu(async ({ rec, scope }) => …))`. */
export function withGpu(body: (fixture: GpuFixture) => Promise<void>): () => Promise<void> {
  return () => runOnGpu(body);
}

/** Seeded standard normals, rounded to f32. */
export function normals(count: number, seed: number, scale = 1): Float32Array {
  const rng = new Rng(seed, 'test');
  return Float32Array.from({ length: count }, () => rng.normal() * scale);
}

/** A storage buffer that holds `data`. */
export function upload(
  { ctx, scope }: Place,
  data: Float32Array | Uint32Array | Uint8Array,
  label = 'test data',
): LabBuffer {
  const buffer = scope.alloc(data.byteLength, 'activations', label);
  // Whole words: what does not fill the last one is padded with zeros.
  const bytes = new Uint8Array(Math.ceil(data.byteLength / 4) * 4);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  ctx.device.queue.writeBuffer(buffer.raw, 0, bytes);
  return buffer;
}

/** What allocation needs of a fixture. */
export type Place = Pick<GpuFixture, 'ctx' | 'scope'>;

export function uploadAct(fixture: Place, data: Float32Array, cols: number): Act {
  return { buffer: upload(fixture, data), rows: data.length / cols, cols };
}

export function uploadVec(fixture: Place, data: Float32Array): Vec {
  return { buffer: upload(fixture, data), length: data.length };
}

/** An output full of NaN, 16 values longer than needed: an element that a kernel misses or adds shows. */
export function poisonedAct(fixture: Place, rows: number, cols: number): Act {
  return { buffer: upload(fixture, new Float32Array(rows * cols + 16).fill(NaN), 'test output'), rows, cols };
}

/** Reads an output of poisonedAct and checks that nothing was written behind its end. */
export async function readAct({ rec }: Pick<GpuFixture, 'rec'>, act: Act): Promise<Float32Array> {
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

export interface TestWeight {
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
): TestWeight {
  const rows = values.length / cols;
  const bytes = fromF32(values, dtype);
  const rowBytes = cols * DTYPE_BYTES[dtype];
  const shards: WeightShard[] = [];
  for (let rowBegin = 0; rowBegin < rows; rowBegin += shardRows) {
    const count = Math.min(shardRows, rows - rowBegin);
    const buffer = upload(
      fixture,
      bytes.slice(rowBegin * rowBytes, (rowBegin + count) * rowBytes),
      `test weight ${rowBegin}`,
    );
    shards.push({ buffer, rowBegin, rows: count });
  }
  return { weight: { name: 'test weight', rows, cols, dtype, shards }, values: toF32(bytes, dtype) };
}
