/** The family of products y = x Wᵀ: what each kernel needs, and which one an adapter takes for a shape. */
import type { FloatDtype } from '../core/dtypes';
import { LabError } from '../core/errors';
import type { GpuContext } from '../gpu/context';
import type { Kernel } from '../gpu/kernel';
import shared from '../../shaders/lib/matmul.wgsl?raw';
import dot8x8 from '../../shaders/matmulDot8x8.wgsl?raw';
import scalar from '../../shaders/matmulScalar.wgsl?raw';
import sg4x2 from '../../shaders/matmulSg4x2.wgsl?raw';
import sg4x8 from '../../shaders/matmulSg4x8.wgsl?raw';
import sg8x2 from '../../shaders/matmulSg8x2.wgsl?raw';
import { firstUsable } from './choose';
import { perDtype } from './weightLibs';

export type MatmulKernels = Partial<Record<FloatDtype, Kernel>>;

interface Variant {
  /** In the engine's own code, or loaded with the first use. */
  kernels: MatmulKernels | 'hardware';
  /** Output rows and columns of one workgroup. */
  rows: number;
  cols: number;
  /**
   * Lanes that every subgroup must have, and the workgroup's size; absent without subgroups. `anySize`: right for
   * subgroups of several sizes.
   */
  subgroup?: { lanes: number; workgroup: number; anySize?: true };
}

const VARIANTS = {
  scalar: { kernels: perDtype('matmul.scalar', shared, scalar), rows: 8, cols: 8 },
  dot8x8: { kernels: perDtype('matmul.dot8x8', shared, dot8x8), rows: 32, cols: 8 },
  sg4x2: {
    kernels: perDtype('matmul.sg4x2', shared, sg4x2),
    rows: 16,
    cols: 16,
    subgroup: { lanes: 4, workgroup: 8 },
  },
  sg4x8: {
    kernels: perDtype('matmul.sg4x8', shared, sg4x8),
    rows: 64,
    cols: 16,
    subgroup: { lanes: 4, workgroup: 8 },
  },
  sg8x2: {
    kernels: perDtype('matmul.sg8x2', shared, sg8x2),
    rows: 64,
    cols: 16,
    subgroup: { lanes: 8, workgroup: 32 },
  },
  tiled: { kernels: 'hardware', rows: 64, cols: 64 },
  tile128x64: { kernels: 'hardware', rows: 128, cols: 64 },
  tile64x64: { kernels: 'hardware', rows: 64, cols: 64 },
  tile32x32: { kernels: 'hardware', rows: 32, cols: 32 },
  subgroup: {
    kernels: 'hardware',
    rows: 16,
    cols: 256,
    subgroup: { lanes: 16, workgroup: 64, anySize: true },
  },
  half: { kernels: 'hardware', rows: 128, cols: 64 },
} satisfies Record<string, Variant>;

export type MatmulVariant = keyof typeof VARIANTS;
export const MATMUL_VARIANTS = Object.keys(VARIANTS) as MatmulVariant[];

/**
 * Rounds x to 11 bits and overflows beyond 65504: as fast as a device with f16 gets, but not the arithmetic of the
 * rest. Nothing chooses it; the benchmark shows what it would gain.
 */
export const INEXACT_MATMUL: MatmulVariant = 'half';

/** The kernels in the engine's own code. */
export const ownMatmuls = Object.values<Variant>(VARIANTS).flatMap(({ kernels }) =>
  kernels === 'hardware' ? [] : [kernels as Record<FloatDtype, Kernel>],
);

const variantOf = (id: MatmulVariant): Variant => VARIANTS[id];

/** Output rows and columns of one workgroup. */
export function matmulTile(variant: MatmulVariant): { rows: number; cols: number } {
  return variantOf(variant);
}

/** All that there are of a variant, by weight type. */
export async function matmulKernels(variant: MatmulVariant): Promise<MatmulKernels> {
  const { kernels } = variantOf(variant);
  if (kernels !== 'hardware') return kernels;
  const { hardwareMatmuls } = await import('./matmulHardware');
  return hardwareMatmuls[variant as keyof typeof hardwareMatmuls];
}

/** InternalError where the variant has no kernel for this weight type. */
export async function matmulKernel(variant: MatmulVariant, dtype: FloatDtype): Promise<Kernel> {
  const kernel = (await matmulKernels(variant))[dtype];
  if (!kernel)
    throw new LabError('InternalError', `matmul: the kernel ${variant} takes no ${dtype} weights.`);
  return kernel;
}

/** Whether `variant` gives right results on this adapter for rows of `k` elements of this type. */
export function matmulSupported(
  ctx: GpuContext,
  variant: MatmulVariant,
  k: number,
  dtype: FloatDtype = 'F32',
): boolean {
  if (variant !== 'scalar' && k % 4 !== 0) return false;
  if (variant === 'half' && (dtype !== 'F16' || !ctx.device.features.has('shader-f16'))) return false;
  const { subgroup } = variantOf(variant);
  // Every subgroup must be full: else a lane that holds a row may not exist.
  return (
    !subgroup ||
    (ctx.subgroupMin >= subgroup.lanes &&
      (subgroup.anySize === true || ctx.subgroupMin === ctx.subgroupMax) &&
      subgroup.workgroup % ctx.subgroupMax === 0)
  );
}

/** What is worth timing here: on software adapters one kernel with barriers stands for all, they take minutes. */
export function matmulsToTime(ctx: GpuContext, k: number, dtype: FloatDtype): MatmulVariant[] {
  return MATMUL_VARIANTS.filter(
    (v) =>
      matmulSupported(ctx, v, k, dtype) &&
      !(ctx.record.software && variantOf(v).kernels === 'hardware' && v !== 'tiled'),
  );
}

/** A product [m, k] x [n, k]ᵀ, as far as the choice of its kernel goes. */
export interface MatmulShape {
  m: number;
  n: number;
  k: number;
  dtype: FloatDtype;
}

/** Workgroups from which on a GPU has enough to do with large tiles. */
const MANY_GROUPS = 128;

/**
 * The order in which kernels are taken where nothing was measured: on software adapters from measurements, on hardware
 * by judgement (docs/decisions.md).
 */
export function matmulPrior(ctx: GpuContext, { m, n, k, dtype }: MatmulShape): MatmulVariant[] {
  const subgroups: MatmulVariant[] =
    ctx.subgroupMin >= 8 ? ['sg8x2'] : m <= 32 ? ['sg4x2', 'sg4x8'] : ['sg4x8', 'sg4x2'];
  const large = Math.ceil(m / 128) * Math.ceil(n / 64) >= MANY_GROUPS;
  const tiles: MatmulVariant[] =
    m <= 32 ? ['tile32x32', 'tile64x64'] : large ? ['tile128x64', 'tile64x64'] : ['tile64x64', 'tile128x64'];
  const order: MatmulVariant[] = ctx.record.software
    ? [...subgroups, 'dot8x8', 'tiled', 'scalar']
    : [...tiles, 'tiled', 'dot8x8', 'scalar'];
  return order.filter((v) => matmulSupported(ctx, v, k, dtype));
}

/** The class of a product in the table of measured choices: sizes by powers of two. */
export function matmulClass({ m, n, k, dtype }: MatmulShape): string {
  const bucket = (size: number, least: number): number =>
    Math.max(least, 2 ** Math.ceil(Math.log2(Math.max(1, size))));
  return `matmul ${Math.min(1024, bucket(m, 32))} x ${bucket(n, 64)} x ${bucket(k, 64)} ${dtype}`;
}

/** The kernel for a shape: the one that was measured to be faster here, otherwise the prior's. */
export function chooseMatmul(ctx: GpuContext, shape: MatmulShape): MatmulVariant {
  const prior = matmulPrior(ctx, shape);
  const name = ctx.tuned.get(matmulClass(shape));
  const tuned = MATMUL_VARIANTS.filter(
    (v) => v === name && v !== INEXACT_MATMUL && matmulSupported(ctx, v, shape.k, shape.dtype),
  );
  return firstUsable(ctx, 'matmul', [...tuned, ...prior]);
}
