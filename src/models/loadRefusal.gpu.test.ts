/** A model that the GPU has no room for is refused before its bytes are read, with need, limit and remedy. */
import { expect, test, vi } from 'vitest';
import { openModel } from '../formats/hfModel';
import { fixtureModel } from '../testing/fixtureFiles';
import { runOnGpu } from '../testing/gpuFixture';
import { planModel } from './inspect';
import { loadModel } from './load';

test('weights that do not fit', () =>
  runOnGpu(async ({ ctx }) => {
    const opened = await openModel(await fixtureModel('two-block'));
    const plan = planModel(opened);
    const [file] = opened.weightFiles;
    const read = vi.spyOn(file?.source ?? { read: () => undefined }, 'read');
    const full = vi
      .spyOn(ctx.device, 'popErrorScope')
      .mockImplementation(() => Promise.resolve({ message: 'out of memory' } as GPUError));
    try {
      await expect(loadModel(ctx, plan)).rejects.toMatchObject({
        kind: 'OutOfMemoryError',
        message: expect.stringMatching(/need 1 MiB of graphics memory .*at most \d+ MiB/) as string,
        remedy: expect.stringMatching(/smaller model/) as string,
      });
    } finally {
      // What was pushed meanwhile is still there.
      const popped = full.mock.calls.length;
      full.mockRestore();
      for (let i = 0; i < popped; i++) await ctx.device.popErrorScope();
    }
    expect(read).not.toHaveBeenCalled();
  }));

test('rows that no buffer holds', () =>
  runOnGpu(async ({ ctx }) => {
    const plan = planModel(await openModel(await fixtureModel('two-block')));
    await expect(loadModel(ctx, plan, { shardBytes: 256 })).rejects.toMatchObject({
      kind: 'GpuLimitError',
      message: expect.stringMatching(/four of its rows take \d+ bytes.*at most 256/) as string,
    });
  }));
