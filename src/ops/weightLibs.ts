import type { FloatDtype } from '../core/dtypes';
import { defineKernel, type Kernel } from '../gpu/kernel';
import bf16 from '../../shaders/lib/weights_bf16.wgsl?raw';
import f16 from '../../shaders/lib/weights_f16.wgsl?raw';
import f32 from '../../shaders/lib/weights_f32.wgsl?raw';

const LIBS: Record<FloatDtype, string> = { F32: f32, F16: f16, BF16: bf16 };

/** One kernel per weight type, named `<name>.<dtype>`: the same text over the three decoding libraries. */
export function perDtype(name: string, ...parts: string[]): Record<FloatDtype, Kernel> {
  const make = (dtype: FloatDtype): Kernel => defineKernel(`${name}.${dtype}`, LIBS[dtype], ...parts);
  return { F32: make('F32'), F16: make('F16'), BF16: make('BF16') };
}
