import { describe, expect, test } from 'vitest';
import { runOnGpu } from '../testing/gpuFixture';
import { OPS } from './index';

describe('every kernel compiles', () => {
  const kernels = OPS.flatMap((op) => op.kernels);
  test.each(kernels.map((kernel) => [kernel.name, kernel] as const))('%s', async (_name, kernel) => {
    await runOnGpu(async ({ ctx }) => {
      // A feature that the adapter lacks must be refused by name, not fail in the driver.
      const missing = kernel.features.find((f) => !ctx.device.features.has(f));
      if (missing) await expect(ctx.pipelines.get(kernel)).rejects.toThrow(missing);
      else expect((await ctx.pipelines.get(kernel)).pipeline.label).toBe(kernel.name);
    });
  });

  test('names are unique: they are the keys of the pipeline cache', () => {
    expect(new Set(kernels.map((k) => k.name)).size).toBe(kernels.length);
  });
});
