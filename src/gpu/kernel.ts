/**
 * A kernel is its WGSL text. Bindings, the uniform layout and the workgroup size are read from that text once, so no
 * offset is ever typed twice. Conventions: group 0; binding 0 is `var<uniform> params: Params` (4-byte scalars only);
 * the storage buffers follow. `enable` lines of all parts are moved to the top.
 */
import { LabError } from '../core/errors';

export interface KernelBinding {
  name: string;
  binding: number;
  access: 'read' | 'read_write';
}

export interface KernelParam {
  name: string;
  type: 'u32' | 'i32' | 'f32';
}

export interface Kernel {
  /** Also the label of its pipelines. */
  readonly name: string;
  readonly code: string;
  readonly bindings: readonly KernelBinding[];
  readonly params: readonly KernelParam[];
  readonly features: readonly GPUFeatureName[];
}

const RE_ENABLE = /^\s*enable\s+(?<name>[\w-]+)\s*;\s*$/gm;
const RE_BINDING =
  /@group\(0\)\s*@binding\((?<index>\d+)\)\s*var<storage,\s*(?<access>read|read_write)>\s*(?<name>\w+)/g;
const RE_PARAMS = /struct\s+Params\s*\{(?<body>[^}]*)\}/;
const RE_FIELD = /(?<name>\w+)\s*:\s*(?<type>u32|i32|f32)\s*,/g;
const ENABLE_TO_FEATURE: Record<string, GPUFeatureName> = { subgroups: 'subgroups', f16: 'shader-f16' };

/** `parts` are WGSL texts in order: library files, then the kernel's own file. */
export function defineKernel(name: string, ...parts: string[]): Kernel {
  const text = parts.join('\n');
  const enables = [...text.matchAll(RE_ENABLE)].map((m) => m.groups?.name ?? '');
  const code = [...new Set(enables)].map((e) => `enable ${e};\n`).join('') + text.replace(RE_ENABLE, '');
  const bindings = [...code.matchAll(RE_BINDING)].map((m): KernelBinding => {
    return {
      name: m.groups?.name ?? '',
      binding: Number(m.groups?.index),
      access: m.groups?.access === 'read' ? 'read' : 'read_write',
    };
  });
  const body = RE_PARAMS.exec(code)?.groups?.body;
  if (body === undefined) throw new LabError('InternalError', `Kernel ${name} declares no struct Params.`);
  const params = [...`${body},`.matchAll(RE_FIELD)].map((m): KernelParam => {
    return { name: m.groups?.name ?? '', type: (m.groups?.type ?? 'u32') as KernelParam['type'] };
  });
  const features = [...new Set(enables)].flatMap((e) => ENABLE_TO_FEATURE[e] ?? []);
  return { name, code, bindings, params, features };
}

/** Writes `values` by the kernel's layout; a missing or unknown name is a programming error that is named. */
export function packParams(
  kernel: Kernel,
  values: Record<string, number>,
  out: DataView,
  offset: number,
): void {
  kernel.params.forEach(({ name, type }, i) => {
    const value = values[name];
    if (value === undefined)
      throw new LabError('InternalError', `Kernel ${kernel.name}: parameter ${name} is missing.`);
    const at = offset + i * 4;
    if (type === 'f32') out.setFloat32(at, value, true);
    else if (type === 'i32') out.setInt32(at, value, true);
    else out.setUint32(at, value, true);
  });
  for (const name of Object.keys(values)) {
    if (!kernel.params.some((p) => p.name === name))
      throw new LabError('InternalError', `Kernel ${kernel.name} has no parameter ${name}.`);
  }
}

/** Bytes of the uniform block, rounded to 16. */
export function paramsBytes(kernel: Kernel): number {
  return Math.max(16, Math.ceil((kernel.params.length * 4) / 16) * 16);
}

/** Workgroups in x and y for `count` workgroups in a row; kernels recover the index and guard the overshoot. */
export function foldGrid(count: number, maxPerDimension = 65535): [number, number] {
  if (count <= maxPerDimension) return [Math.max(1, count), 1];
  const y = Math.ceil(count / maxPerDimension);
  return [Math.ceil(count / y), y];
}
