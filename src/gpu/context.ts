/**
 * One open device with its caches and counters. The GPU object is handed in by the entry point (worker, command line,
 * tests); nothing in the engine looks for `navigator`.
 */
import { LabError } from '../core/errors';
import type { DeviceRecord } from '../core/report';
import { Ledger } from './ledger';
import { PipelineCache } from './pipelines';
import { Scope } from './scope';
import { SubmitPacer } from './pacer';

export interface OpenOptions {
  /** Substring of vendor, architecture or description, or 'software'. */
  adapter?: string;
  backend: DeviceRecord['backend'];
  /** For tests of default limits: request nothing beyond WebGPU's defaults. */
  defaultLimits?: boolean;
  /** Choose kernels and cut work as on hardware, whatever the adapter: for counting what one would be asked. */
  asHardware?: boolean;
  /** Features to leave unused even where the adapter has them. */
  without?: GPUFeatureName[];
}

const WANTED_FEATURES: GPUFeatureName[] = ['subgroups', 'shader-f16', 'timestamp-query'];
const WANTED_LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
] as const;
const RE_SOFTWARE = /swiftshader|llvmpipe|lavapipe|basic render|\bwarp\b|software/i;

/** All that an adapter says of itself, in one line. */
export function describeAdapter(info: GPUAdapterInfo): string {
  return [info.vendor, info.architecture, info.device, info.description].filter(Boolean).join(' ');
}

export function isSoftwareAdapter(info: GPUAdapterInfo): boolean {
  return (
    Boolean((info as { isFallbackAdapter?: boolean }).isFallbackAdapter) ||
    RE_SOFTWARE.test(describeAdapter(info))
  );
}

export class GpuContext {
  readonly device: GPUDevice;
  readonly record: DeviceRecord;
  readonly ledger = new Ledger();
  readonly pipelines: PipelineCache;
  readonly pacer: SubmitPacer;
  /** Lanes of the smallest subgroup, 0 when subgroups are not used. */
  readonly subgroupMin: number;
  readonly subgroupMax: number;
  /** Root of all buffers; closing it returns everything. */
  readonly root: Scope;
  /** Uncaptured validation errors, newest last; tests require none. */
  readonly errors: string[] = [];
  readonly adapterKey: string;
  /** Kernel variants that failed the self-test here, as `op.variant`; ops take the next candidate. */
  readonly disabled = new Set<string>();
  /** Kernel variants that were measured to be faster here than what ops take by themselves, by class of shapes. */
  readonly tuned = new Map<string, string>();
  /** Resolves once, when the device is gone. */
  readonly lost: Promise<LabError>;
  #lost: LabError | undefined;
  #closing = false;

  private constructor(device: GPUDevice, info: GPUAdapterInfo, record: DeviceRecord) {
    this.device = device;
    this.record = record;
    this.pipelines = new PipelineCache(this);
    this.pacer = new SubmitPacer(record.software);
    const subgroups = device.features.has('subgroups');
    this.subgroupMin = subgroups ? (info.subgroupMinSize ?? 0) : 0;
    this.subgroupMax = subgroups ? (info.subgroupMaxSize ?? 0) : 0;
    this.root = new Scope(this);
    this.adapterKey = [
      describeAdapter(info),
      this.subgroupMin,
      record.software ? 'software' : 'hardware',
      record.features.join('+'),
    ].join('|');
    device.onuncapturederror = (event) => {
      this.errors.push(event.error.message);
    };
    this.lost = device.lost.then((lost) => {
      this.#lost = new LabError(
        'DeviceLostError',
        this.#closing
          ? 'The GPU device was closed.'
          : `The GPU device was lost (${lost.message || lost.reason || 'no reason given'}).`,
        'Reopen the device and run the same experiment again; nothing on disk was changed.',
      );
      return this.#lost;
    });
  }

  static async open(gpu: GPU, options: OpenOptions): Promise<GpuContext> {
    const adapter = await pickAdapter(gpu, options.adapter);
    const info = adapter.info;
    const features = WANTED_FEATURES.filter((f) => adapter.features.has(f) && !options.without?.includes(f));
    const requiredLimits: Record<string, number> = {};
    if (!options.defaultLimits) {
      for (const name of WANTED_LIMITS) requiredLimits[name] = adapter.limits[name];
    }
    let device: GPUDevice;
    try {
      device = await adapter.requestDevice({ label: 'prunelab', requiredFeatures: features, requiredLimits });
    } catch (cause) {
      throw new LabError(
        'GpuUnavailableError',
        `The adapter "${describeAdapter(info)}" refused a device: ${String(cause)}.`,
        'Restart the browser or update the graphics driver.',
        { cause },
      );
    }
    const software = isSoftwareAdapter(info) && !options.asHardware;
    const record: DeviceRecord = {
      vendor: info.vendor,
      architecture: info.architecture,
      description: info.description || info.device || '',
      software,
      features: [...features],
      backend: options.backend,
    };
    return new GpuContext(device, info, record);
  }

  throwIfLost(): void {
    if (this.#lost) throw this.#lost;
  }

  get isLost(): boolean {
    return this.#lost !== undefined;
  }

  /** Returns all memory and destroys the device. */
  close(): void {
    this.#closing = true;
    this.root.close();
    this.pacer.close();
    this.device.destroy();
  }
}

async function pickAdapter(gpu: GPU, wanted: string | undefined): Promise<GPUAdapter> {
  const tries: (GPURequestAdapterOptions | undefined)[] =
    wanted === 'software'
      ? [{ forceFallbackAdapter: true }, undefined]
      : [
          { powerPreference: 'high-performance' },
          { powerPreference: 'low-power' },
          { forceFallbackAdapter: true },
          undefined,
        ];
  const seen: string[] = [];
  for (const options of tries) {
    const adapter = await gpu.requestAdapter(options);
    if (!adapter) continue;
    const text = describeAdapter(adapter.info);
    seen.push(text);
    const isSoftware = isSoftwareAdapter(adapter.info);
    if (!wanted || (wanted === 'software' ? isSoftware : text.toLowerCase().includes(wanted.toLowerCase())))
      return adapter;
  }
  if (wanted && seen.length > 0) {
    throw new LabError(
      'GpuUnavailableError',
      `No adapter matches "${wanted}"; there are: ${[...new Set(seen)].join('; ')}.`,
      'Leave the adapter choice out, or name one of these.',
    );
  }
  throw new LabError(
    'GpuUnavailableError',
    'WebGPU found no adapter.',
    'Update the graphics driver, or start the browser with hardware acceleration switched on.',
  );
}
