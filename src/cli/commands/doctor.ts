import { cpus, freemem, totalmem } from 'node:os';
import { LabError } from '../../core/errors';
import { ENGINE_VERSION } from '../../core/version';
import { describeAdapter, GpuContext, isSoftwareAdapter } from '../../gpu/context';
import { tryAllKernels, type KernelTrial } from '../../session/selfTest';
import type { Command } from '../command';
import { closeNodeGpu, nodeGpuRemedy, openNodeGpu } from '../nodeGpu';

interface AdapterReport {
  description: string;
  vendor: string;
  architecture: string;
  software: boolean;
  features: string[];
  limits: Record<string, number>;
}

/** Limits that decide what fits; the rest is the same nearly everywhere. */
const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupsPerDimension',
] as const;

function report(adapter: GPUAdapter): AdapterReport {
  const { info } = adapter;
  return {
    description: describeAdapter(info),
    vendor: info.vendor,
    architecture: info.architecture,
    software: isSoftwareAdapter(info),
    features: [...adapter.features].sort(),
    limits: Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]])),
  };
}

/** WebGPU has no list of adapters: each way of asking may give another one. */
async function listAdapters(gpu: GPU): Promise<AdapterReport[]> {
  const found = new Map<string, AdapterReport>();
  const ways: GPURequestAdapterOptions[] = [
    { powerPreference: 'high-performance' },
    { powerPreference: 'low-power' },
    { forceFallbackAdapter: true },
  ];
  for (const way of ways) {
    const adapter = await gpu.requestAdapter(way);
    if (adapter) found.set(describeAdapter(adapter.info), report(adapter));
  }
  return [...found.values()];
}

const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
const kernelName = (t: KernelTrial): string => [t.op, t.variant].filter(Boolean).join('.');

function trialLine(t: KernelTrial): string {
  return `  ${t.ok ? 'pass' : 'FAIL'}  ${kernelName(t).padEnd(22)}${t.case.padEnd(28)}${t.ms.toFixed(0).padStart(6)} ms${t.ok ? '' : `  ${t.error ?? ''}`}`;
}

function adapterLines(a: AdapterReport): string {
  const limits = Object.entries(a.limits).map(([name, value]) => `    ${name.padEnd(36)}${value}\n`);
  return `  ${a.description}${a.software ? ' (software)' : ''}\n    ${a.features.join(' ')}\n${limits.join('')}`;
}

/** What this machine offers the lab, and whether every kernel is right on it. */
export const doctorCommand: Command = {
  name: 'doctor',
  usage: 'doctor',
  summary: 'adapters, features, limits, and every kernel against its reference',
  flags: [],
  async run({ parsed, console, signal, finish }) {
    if (parsed.positional.length > 0)
      throw new LabError('SpecError', '"doctor" takes no model.', 'Leave it out.');
    const gpu = await openNodeGpu();
    try {
      const machine = {
        version: ENGINE_VERSION,
        node: process.version,
        platform: `${process.platform}-${process.arch}`,
        cpu: `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown'}`,
        memory: { totalBytes: totalmem(), freeBytes: freemem() },
      };
      const adapters = await listAdapters(gpu);
      const head = `prunelab ${machine.version}, Node ${machine.node}, ${machine.platform}, ${machine.cpu}, ${gib(machine.memory.freeBytes)} of ${gib(machine.memory.totalBytes)} free\n`;
      if (adapters.length === 0) {
        await finish(
          { ...machine, adapters, device: null, kernels: [], failed: [] },
          `${head}\nNo adapter.\n`,
        );
        throw new LabError('GpuUnavailableError', 'WebGPU found no adapter.', nodeGpuRemedy());
      }
      const ctx = await GpuContext.open(gpu, { backend: 'dawn-node', adapter: parsed.values.get('adapter') });
      try {
        console.note(`Trying every kernel on ${describeAdapter(ctx.device.adapterInfo)}`);
        const kernels = await tryAllKernels(ctx, (t) => {
          if (signal.aborted) throw new LabError('CancelledError', 'Cancelled.');
          if (!t.ok) console.note(`${kernelName(t)} (${t.case}): ${t.error ?? 'failed'}`);
        });
        const failed = [...new Set(kernels.filter((t) => !t.ok).map(kernelName))];
        const device = {
          ...ctx.record,
          subgroupSizes: [ctx.subgroupMin, ctx.subgroupMax],
          errors: ctx.errors,
        };
        const verdict = [
          failed.length === 0
            ? `All ${kernels.length} cases pass.`
            : `${failed.length} kernels fail: ${failed.join(', ')}.`,
          ...ctx.errors.map((error) => `The device reported: ${error}`),
        ].join('\n');
        await finish(
          { ...machine, adapters, device, kernels, failed },
          `${head}\nAdapters\n${adapters.map(adapterLines).join('')}\nKernels on ${describeAdapter(ctx.device.adapterInfo)}, compilation included\n${kernels.map(trialLine).join('\n')}\n\n${verdict}\n`,
        );
        return failed.length === 0 && ctx.errors.length === 0 ? 0 : 1;
      } finally {
        ctx.close();
      }
    } finally {
      closeNodeGpu();
    }
  },
};
