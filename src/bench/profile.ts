/**
 * Where the time of recorded work goes, by kernel: counts of every dispatch and, where the device has timestamps, the
 * nanoseconds of its passes. Timestamps may be rounded (browsers: to 100 us), up as often as down: sums over many
 * passes are right, single short ones are not, so that short kernels are repeated within a pass.
 */
import type { GpuContext } from '../gpu/context';
import type { Kernel } from '../gpu/kernel';
import { UNIFORM_SLOTS, type Dispatch, type RecorderProbe } from '../gpu/recorder';
import type { LabBuffer, Scope } from '../gpu/scope';

export interface KernelShare {
  dispatches: number;
  flops: number;
  bytes: number;
  /** On the device; 0 without timestamps. */
  ms: number;
}

/** A submit has no more passes than dispatches. */
const PASSES = UNIFORM_SLOTS;

export function hasTimestamps(ctx: GpuContext): boolean {
  return ctx.device.features.has('timestamp-query');
}

const none = (): KernelShare => ({ dispatches: 0, flops: 0, bytes: 0, ms: 0 });

export class Profile implements RecorderProbe {
  readonly #scope: Scope;
  readonly #queries: GPUQuerySet | undefined;
  readonly #resolved: LabBuffer | undefined;
  /** Kernels of the passes of the submit that is being recorded. */
  #passes: string[] = [];
  #waiting: { passes: string[]; buffer: LabBuffer }[] = [];
  #kernels = new Map<string, KernelShare>();

  /** `timed` asks for timestamps, which the device must have. */
  constructor(ctx: GpuContext, timed = hasTimestamps(ctx)) {
    this.#scope = ctx.root.child();
    if (!timed) return;
    this.#queries = ctx.device.createQuerySet({ label: 'profile', type: 'timestamp', count: 2 * PASSES });
    this.#resolved = this.#scope.alloc(
      16 * PASSES,
      'scratch',
      'profile',
      GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    );
  }

  dispatched({ kernel, flops = 0, bytes }: Dispatch): void {
    const sum = this.#of(kernel.name);
    sum.dispatches += 1;
    sum.flops += flops;
    sum.bytes += bytes;
  }

  pass(kernel: Kernel): GPUComputePassTimestampWrites | undefined {
    if (!this.#queries || this.#passes.length === PASSES) return undefined;
    const at = 2 * this.#passes.length;
    this.#passes.push(kernel.name);
    return { querySet: this.#queries, beginningOfPassWriteIndex: at, endOfPassWriteIndex: at + 1 };
  }

  submitting(encoder: GPUCommandEncoder): void {
    if (!this.#queries || !this.#resolved || this.#passes.length === 0) return;
    const bytes = 16 * this.#passes.length;
    const buffer = this.#scope.alloc(
      bytes,
      'scratch',
      'timestamps',
      GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    );
    encoder.resolveQuerySet(this.#queries, 0, 2 * this.#passes.length, this.#resolved.raw, 0);
    encoder.copyBufferToBuffer(this.#resolved.raw, 0, buffer.raw, 0, bytes);
    this.#waiting.push({ passes: this.#passes, buffer });
    this.#passes = [];
  }

  /** What was submitted since the last call, by kernel. The recorder must have finished. */
  async take(): Promise<Map<string, KernelShare>> {
    for (const { passes, buffer } of this.#waiting) {
      await buffer.raw.mapAsync(GPUMapMode.READ);
      const times = new BigUint64Array(buffer.raw.getMappedRange());
      passes.forEach((name, i) => {
        // Signed: a rounded end may lie before a rounded beginning.
        this.#of(name).ms += Number((times[2 * i + 1] ?? 0n) - (times[2 * i] ?? 0n)) / 1e6;
      });
      buffer.raw.unmap();
      this.#scope.free(buffer);
    }
    const taken = this.#kernels;
    this.#waiting = [];
    this.#kernels = new Map();
    return taken;
  }

  close(): void {
    this.#queries?.destroy();
    this.#scope.close();
  }

  #of(name: string): KernelShare {
    const found = this.#kernels.get(name) ?? none();
    this.#kernels.set(name, found);
    return found;
  }
}

/** Kernels of one op together: `matmul.sg4x8.BF16` belongs to `matmul`. Largest first. */
export function byFamily(kernels: ReadonlyMap<string, KernelShare>): Record<string, KernelShare> {
  const sums = new Map<string, KernelShare>();
  for (const [name, share] of kernels) {
    const family = name.split('.')[0] ?? name;
    const sum = sums.get(family) ?? none();
    sums.set(family, sum);
    for (const key of Object.keys(sum) as (keyof KernelShare)[]) sum[key] += share[key];
  }
  return Object.fromEntries([...sums].sort(([, a], [, b]) => b.ms - a.ms || b.flops - a.flops));
}

export function totalMs(kernels: ReadonlyMap<string, KernelShare>): number {
  return [...kernels.values()].reduce((sum, { ms }) => sum + ms, 0);
}
