/**
 * Vitest set-up of the GPU suite: puts the GPU object of this environment at `globalThis.__gpu`, in Node (Dawn) and
 * in the browser alike. Tests take it from `testGpu()` and never ask where it came from.
 */
declare global {
  var __gpu: GPU | undefined;
}

/** True in Node, false in a browser. */
export const inNode = typeof process === 'object' && typeof window === 'undefined';

/** The GPU object that the set-up found. Throws where there is none: a GPU suite without a GPU has failed. */
export function testGpu(): GPU {
  const gpu = globalThis.__gpu;
  if (!gpu) throw new Error('No WebGPU here: run the GPU suite through npm test.');
  return gpu;
}

if (inNode) {
  const { openNodeGpu } = await import('../cli/nodeGpu');
  globalThis.__gpu = await openNodeGpu();
} else {
  globalThis.__gpu = navigator.gpu;
}
