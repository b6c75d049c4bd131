import { cpus, freemem, totalmem } from 'node:os';
import { LabError } from '../../core/errors';
import { ENGINE_VERSION } from '../../core/version';
import { describeAdapter, GpuContext, isSoftwareAdapter } from '../../gpu/context';
import { subgroupMatrices } from '../../gpu/subgroupMatrix';
import { tryAllKernels, type KernelTrial } from '../../session/selfTest';
import { tuneKernels, type ModelShapes } from '../../session/tuning';
import type { TuningResult } from '../../ops/tuning/measure';
import type { Command } from '../command';
import { closeNodeGpu, nodeGpuRemedy, openNodeGpu } from '../nodeGpu';

interface AdapterReport {
  description: string;
  vendor: string;
  architecture: string;
  software: boolean;
  features: string[];
  limits: Record<string, number>;
  /** Products of whole subgroups that sum in f32; null: not offered. No kernel uses them yet. */
  subgroupMatrices: string[] | null;
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
    subgroupMatrices: subgroupMatrices(adapter),
  };
}

/** Of SmolLM2-135M: what `--tune` measures. */
const SHAPES: ModelShapes = {
  matrices: [{ rows: 576, cols: 576 }, { rows: 192, cols: 576 }, { rows: 1536, cols: 576 }, { rows: 576, cols: 1536 }],
  heads: 9,
  kvHeads: 3,
  headDim: 64,
  hidden: 576,
  vocabulary: 49152,
  context: 8192,
}; // prettier-ignore

/** Its candidates with their medians, the chosen one first. */
function tunedLine({ key, chosen, mediansMs }: TuningResult): string {
  const order = Object.entries(mediansMs).sort(([a, x], [b, y]) =>
    a === chosen ? -1 : b === chosen ? 1 : x - y,
  );
  return `  ${key.padEnd(34)}${order.map(([name, ms]) => `${name} ${ms.toFixed(2)} ms`).join(', ') || chosen}`;
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
  return `  ${a.description}${a.software ? ' (software)' : ''}\n    ${a.features.join(' ')}\n${limits.join('')}    ${'subgroup matrices'.padEnd(36)}${a.subgroupMatrices?.join('; ') ?? 'not offered'}\n`;
}

/** What this machine offers the lab, and whether every kernel is right on it. */
export const doctorCommand: Command = {
  name: 'doctor',
  usage: 'doctor [--tune]',
  summary: 'adapters, features, limits, and every kernel against its reference',
  flags: ['tune'],
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
        const tune = parsed.switches.has('tune');
        if (tune) console.note('Measuring kernels on the shapes of SmolLM2-135M');
        const tuned = tune ? await tuneKernels(ctx, SHAPES, 'BF16', undefined, { signal, force: true }) : [];
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
          { ...machine, adapters, device, kernels, failed, ...(tune && { tuned }) },
          `${head}\nAdapters\n${adapters.map(adapterLines).join('')}\nKernels on ${describeAdapter(ctx.device.adapterInfo)}, compilation included\n${kernels.map(trialLine).join('\n')}\n\n${tune ? `Chosen by measurement on the shapes of SmolLM2-135M, the choice first\n${tuned.map(tunedLine).join('\n')}\n\n` : ''}${verdict}\n`,
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
