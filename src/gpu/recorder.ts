/**
 * Records dispatches and submits them in short pieces. All GPU work of a job goes through one Recorder: it applies
 * back-pressure (at most two submits in flight), notices Cancel and device loss, and lets a background job wait while
 * a foreground job runs.
 */
import { LabError, throwIfAborted } from '../core/errors';
import type { WorkCount } from '../core/report';
import type { GpuContext } from './context';
import { packParams, paramsBytes, type Kernel } from './kernel';
import type { LabBuffer } from './scope';

export interface Slice {
  buffer: LabBuffer;
  /** Bytes; a multiple of minStorageBufferOffsetAlignment. */
  offset: number;
  bytes: number;
}
export type Bindable = LabBuffer | Slice;

export interface RecorderOptions {
  signal?: AbortSignal;
  /** Awaited between submits; a background job is held here while a foreground job runs. */
  gate?: () => Promise<void> | undefined;
  probe?: RecorderProbe;
}

/** Watches what is recorded, for measurements. Under a probe, each run of dispatches of one kernel is a pass. */
export interface RecorderProbe {
  dispatched(dispatch: Dispatch): void;
  /** Brackets the pass of a kernel that begins. */
  pass(kernel: Kernel): GPUComputePassTimestampWrites | undefined;
  /** The last commands of a submit may be the probe's. */
  submitting(encoder: GPUCommandEncoder): void;
}

export interface Dispatch {
  kernel: Kernel;
  bind: Record<string, Bindable>;
  params: Record<string, number>;
  /** Workgroups. */
  grid: readonly [number, number?, number?];
  /** Flop-equivalents, for pacing. */
  cost: number;
  /** Real floating-point operations, for the report; 0 when left out. */
  flops?: number;
  /** What the operation must read and write: every operand once, pieces of one operation sharing them. */
  bytes: number;
  constants?: Record<string, number>;
}

const UNIFORM_ALIGN = 256;
/** A drag of a model of 30 layers records about a thousand dispatches: one submit where the device is quick. */
export const UNIFORM_SLOTS = 1024;
/** Of each recorder that has run anything. */
export const UNIFORM_BYTES = UNIFORM_ALIGN * UNIFORM_SLOTS;

export class Recorder {
  readonly ctx: GpuContext;
  /** Done so far; whoever works on the host between dispatches counts its stages here. */
  readonly work: WorkCount = { dispatches: 0, submits: 0, readbacks: 0, cpuStages: 0, flops: 0, bytes: 0 };
  readonly #options: RecorderOptions;
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  #passOf: Kernel | undefined;
  #cost = 0;
  #slot = 0;
  readonly #staging = new DataView(new ArrayBuffer(UNIFORM_BYTES));
  #uniforms: LabBuffer | undefined;
  readonly #freeUniforms: LabBuffer[] = [];
  readonly #scratch = new Map<string, LabBuffer>();
  readonly #scope;

  constructor(ctx: GpuContext, options: RecorderOptions = {}) {
    this.ctx = ctx;
    this.#options = options;
    this.#scope = ctx.root.child();
  }

  get signal(): AbortSignal | undefined {
    return this.#options.signal;
  }

  /** Cost that a single dispatch should not exceed; ops split larger ones. */
  get maxCost(): number {
    return this.ctx.pacer.budget;
  }

  /** Cancellation, device loss, back-pressure, pre-emption. Every op passes here before each dispatch. */
  async turn(): Promise<void> {
    throwIfAborted(this.#options.signal);
    this.ctx.throwIfLost();
    if (this.ctx.pacer.inFlight >= 2) {
      await this.ctx.pacer.turn();
      throwIfAborted(this.#options.signal);
      this.ctx.throwIfLost();
    }
    const held = this.#options.gate?.();
    if (held) {
      this.flush();
      await held;
      throwIfAborted(this.#options.signal);
      this.ctx.throwIfLost();
    }
  }

  async run(dispatch: Dispatch): Promise<void> {
    const { kernel } = dispatch;
    if (this.#cost > 0 && this.#cost + dispatch.cost > this.ctx.pacer.budget) this.flush();
    await this.turn();
    const { pipeline, layout } = await this.ctx.pipelines.get(kernel, dispatch.constants);
    if (this.#slot === UNIFORM_SLOTS) this.flush();
    const uniforms = this.#currentUniforms();
    const offset = this.#slot * UNIFORM_ALIGN;
    this.#slot += 1;
    packParams(kernel, dispatch.params, this.#staging, offset);
    const entries: GPUBindGroupEntry[] = [
      { binding: 0, resource: { buffer: uniforms.raw, offset: 0, size: paramsBytes(kernel) } },
    ];
    for (const { name, binding } of kernel.bindings) {
      const bound = dispatch.bind[name];
      if (!bound) throw new LabError('InternalError', `Kernel ${kernel.name}: nothing is bound to ${name}.`);
      const {
        buffer,
        offset: begin,
        bytes,
      } = 'raw' in bound ? { buffer: bound, offset: 0, bytes: bound.bytes } : bound;
      const limit = this.ctx.device.limits.maxStorageBufferBindingSize;
      if (bytes > limit) {
        throw new LabError(
          'GpuLimitError',
          `${buffer.label} has ${bytes} bytes; this adapter lets a kernel see at most ${limit} at once.`,
          'Use fewer or shorter windows, or a smaller model.',
        );
      }
      entries.push({ binding, resource: { buffer: buffer.raw, offset: begin, size: bytes } });
    }
    const group = this.ctx.device.createBindGroup({ label: kernel.name, layout, entries });
    const pass = this.#openPass(kernel);
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group, [offset]);
    pass.dispatchWorkgroups(dispatch.grid[0], dispatch.grid[1] ?? 1, dispatch.grid[2] ?? 1);
    this.#cost += dispatch.cost;
    this.work.dispatches += 1;
    this.work.flops += dispatch.flops ?? 0;
    this.work.bytes += dispatch.bytes;
    this.#options.probe?.dispatched(dispatch);
  }

  copy(from: LabBuffer, fromOffset: number, to: LabBuffer, toOffset: number, bytes: number): void {
    this.#closePass();
    this.#openEncoder().copyBufferToBuffer(from.raw, fromOffset, to.raw, toOffset, bytes);
    this.#cost += bytes;
    this.work.bytes += 2 * bytes;
  }

  clear(buffer: LabBuffer, offset = 0, bytes = buffer.bytes - offset): void {
    this.#closePass();
    this.#openEncoder().clearBuffer(buffer.raw, offset, bytes);
    this.work.bytes += bytes;
  }

  /** Host to GPU, in order with what was recorded before (which is submitted first). `offset` and size multiples of 4. */
  write(buffer: LabBuffer, offset: number, data: ArrayBufferView): void {
    this.flush();
    this.ctx.device.queue.writeBuffer(buffer.raw, offset, data.buffer, data.byteOffset, data.byteLength);
    this.work.bytes += data.byteLength;
  }

  /**
   * A small buffer that lives as long as this recorder, one for each name and size: for state that an op keeps between
   * its own dispatches. What it holds is garbage to the next call.
   */
  scratch(name: string, bytes: number): LabBuffer {
    const key = `${name} ${bytes}`;
    const buffer = this.#scratch.get(key) ?? this.#scope.alloc(bytes, 'scratch', `scratch ${name}`);
    this.#scratch.set(key, buffer);
    return buffer;
  }

  /** Submits what was recorded. */
  flush(): void {
    if (!this.#encoder) return;
    this.#closePass();
    this.#options.probe?.submitting(this.#encoder);
    const { queue } = this.ctx.device;
    const uniforms = this.#uniforms;
    if (uniforms && this.#slot > 0)
      queue.writeBuffer(uniforms.raw, 0, this.#staging.buffer, 0, this.#slot * UNIFORM_ALIGN);
    queue.submit([this.#encoder.finish()]);
    this.ctx.pacer.submitted(this.ctx.device, this.#cost);
    this.work.submits += 1;
    // Queue operations are ordered: the next writeBuffer to the same uniforms lands after this submit.
    if (uniforms) this.#freeUniforms.push(uniforms);
    this.#uniforms = undefined;
    this.#encoder = undefined;
    this.#slot = 0;
    this.#cost = 0;
  }

  /** Submits and waits until the GPU is idle. */
  async finish(): Promise<void> {
    this.flush();
    await this.ctx.pacer.drain();
    this.ctx.throwIfLost();
    throwIfAborted(this.#options.signal);
  }

  /** GPU to host: bytes [offset, offset + bytes) of a buffer. */
  async read(buffer: LabBuffer, offset = 0, bytes = buffer.bytes - offset): Promise<ArrayBuffer> {
    const [only] = await this.readMany([{ buffer, offset, bytes }]);
    return only as ArrayBuffer;
  }

  /** Several pieces in one round trip. Offsets are multiples of 4. */
  async readMany(
    pieces: readonly { buffer: LabBuffer; offset?: number; bytes: number }[],
  ): Promise<ArrayBuffer[]> {
    await this.turn();
    const starts: number[] = [];
    let total = 0;
    for (const { bytes } of pieces) {
      starts.push(total);
      total += Math.ceil(bytes / 8) * 8;
    }
    const scope = this.ctx.root.child();
    try {
      const staging = scope.alloc(
        total,
        'scratch',
        'readback',
        GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
      );
      pieces.forEach((p, i) =>
        this.copy(p.buffer, p.offset ?? 0, staging, starts[i] ?? 0, Math.ceil(p.bytes / 4) * 4),
      );
      this.flush();
      this.work.readbacks += 1;
      try {
        await staging.raw.mapAsync(GPUMapMode.READ);
      } catch (cause) {
        // The loss of the device is told a moment later than the failed map.
        await Promise.race([this.ctx.lost, new Promise((resolve) => setTimeout(resolve, 50))]);
        this.ctx.throwIfLost();
        throw new LabError(
          'DeviceLostError',
          'The GPU did not return its results.',
          'Reopen the device and run again.',
          { cause },
        );
      }
      const mapped = staging.raw.getMappedRange();
      const out = pieces.map((p, i) => mapped.slice(starts[i] ?? 0, (starts[i] ?? 0) + p.bytes));
      staging.raw.unmap();
      return out;
    } finally {
      scope.close();
    }
  }

  async readF32(buffer: LabBuffer, count: number, offset = 0): Promise<Float32Array> {
    return new Float32Array(await this.read(buffer, offset, count * 4));
  }

  /** Drops what was recorded but not submitted and returns the recorder's own memory. */
  close(): void {
    this.#closePass();
    this.#encoder = undefined;
    this.#scope.close();
  }

  #currentUniforms(): LabBuffer {
    this.#uniforms ??=
      this.#freeUniforms.pop() ??
      this.#scope.alloc(
        UNIFORM_BYTES,
        'scratch',
        'uniforms',
        GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
      );
    return this.#uniforms;
  }

  #openEncoder(): GPUCommandEncoder {
    this.#encoder ??= this.ctx.device.createCommandEncoder({ label: 'prunelab' });
    return this.#encoder;
  }

  #openPass(kernel: Kernel): GPUComputePassEncoder {
    const { probe } = this.#options;
    if (probe && this.#passOf !== kernel) this.#closePass();
    this.#passOf = kernel;
    this.#pass ??= this.#openEncoder().beginComputePass({
      label: 'prunelab',
      timestampWrites: probe?.pass(kernel),
    });
    return this.#pass;
  }

  #closePass(): void {
    this.#pass?.end();
    this.#pass = undefined;
  }
}
