/**
 * WebGPU in Node, from the `webgpu` package (Dawn). Which adapters it can see is decided before the process starts
 * (bin/prunelab.js and scripts/test.js point it to a Vulkan driver); this file only opens it.
 */
import { LabError } from '../core/errors';

const KEEP = Symbol.for('prunelab.nodeGpu');
const holder: { [KEEP]?: GPU } = globalThis as { [KEEP]?: GPU };

/**
 * The GPU object, the same at every call until `closeNodeGpu`. Also installs the WebGPU globals (GPUBufferUsage, …)
 * that scripts find in a browser. Rejects with GpuUnavailableError where the native module cannot be loaded; whether
 * there is an adapter shows at `requestAdapter`.
 */
export async function openNodeGpu(): Promise<GPU> {
  const open = holder[KEEP];
  if (open) return open;
  let dawn: typeof import('webgpu');
  try {
    dawn = await import('webgpu');
  } catch (cause) {
    throw new LabError(
      'GpuUnavailableError',
      `WebGPU for Node could not be loaded on ${process.platform}-${process.arch}: ${String(cause).split('\n')[0] ?? ''}`,
      'Use Node on Windows, macOS or Linux (x64 or arm64), and run npm ci again.',
      { cause },
    );
  }
  Object.assign(globalThis, dawn.globals);
  // Dawn ends when this object is collected, even while devices made from it are in use: hold it globally.
  const gpu = dawn.create([]);
  holder[KEEP] = gpu;
  return gpu;
}

/** Lets go of the GPU object. Without this (or process.exit) Node does not end: Dawn keeps polling. */
export function closeNodeGpu(): void {
  delete holder[KEEP];
}

/** One sentence for the message that no adapter was found. */
export function nodeGpuRemedy(): string {
  if (process.platform === 'linux') {
    return 'Install a Vulkan driver for the GPU, or Chromium or Chrome, whose software adapter serves the command line too.';
  }
  return 'Update the graphics driver, or run the lab in a browser.';
}
