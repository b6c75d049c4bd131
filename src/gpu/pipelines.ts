import { LabError } from '../core/errors';
import type { GpuContext } from './context';
import type { Kernel } from './kernel';
import { paramsBytes } from './kernel';

export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/** Compiles each (kernel, constants) once, asynchronously; concurrent requests share the promise. */
export class PipelineCache {
  readonly #ctx: GpuContext;
  readonly #entries = new Map<string, Promise<Pipeline>>();

  constructor(ctx: GpuContext) {
    this.#ctx = ctx;
  }

  /** Names of the kernels that were asked for here and did compile, or are about to. */
  get names(): Set<string> {
    return new Set([...this.#entries.keys()].map((key) => key.split('|')[0] ?? key));
  }

  get(kernel: Kernel, constants?: Record<string, number>): Promise<Pipeline> {
    const key = constants ? `${kernel.name}|${JSON.stringify(constants)}` : kernel.name;
    let entry = this.#entries.get(key);
    if (!entry) {
      entry = this.#compile(kernel, constants);
      this.#entries.set(key, entry);
      entry.catch(() => this.#entries.delete(key));
    }
    return entry;
  }

  async #compile(kernel: Kernel, constants: Record<string, number> | undefined): Promise<Pipeline> {
    const { device } = this.#ctx;
    for (const feature of kernel.features) {
      if (!device.features.has(feature))
        throw new LabError(
          'GpuLimitError',
          `Kernel ${kernel.name} needs the feature ${feature}, which this adapter does not offer.`,
        );
    }
    const layout = device.createBindGroupLayout({
      label: kernel.name,
      entries: [
        {
          binding: 0,
          visibility: GPUShaderStage.COMPUTE,
          buffer: { type: 'uniform', hasDynamicOffset: true, minBindingSize: paramsBytes(kernel) },
        },
        ...kernel.bindings.map((b): GPUBindGroupLayoutEntry => {
          return {
            binding: b.binding,
            visibility: GPUShaderStage.COMPUTE,
            buffer: { type: b.access === 'read' ? 'read-only-storage' : 'storage' },
          };
        }),
      ],
    });
    const module = device.createShaderModule({ label: kernel.name, code: kernel.code });
    try {
      const pipeline = await device.createComputePipelineAsync({
        label: kernel.name,
        layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: { module, entryPoint: 'main', constants },
      });
      return { pipeline, layout };
    } catch (cause) {
      this.#ctx.throwIfLost();
      const info = await module.getCompilationInfo();
      const lines = kernel.code.split('\n');
      const messages = info.messages.map(
        (m) => `${kernel.name}.wgsl:${m.lineNum}:${m.linePos} ${m.message}\n  ${lines[m.lineNum - 1] ?? ''}`,
      );
      throw new LabError(
        'InternalError',
        `Kernel ${kernel.name} did not compile: ${messages.join('\n') || String(cause)}`,
        undefined,
        { cause },
      );
    }
  }
}
