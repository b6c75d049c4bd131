import { describe, expect, test } from 'vitest';
import type { FloatDtype } from '../core/dtypes';
import { GpuContext, type OpenOptions } from '../gpu/context';
import type { Kernel } from '../gpu/kernel';
import { Recorder } from '../gpu/recorder';
import { OPS } from '../ops';
import { activateKernels } from '../ops/activate';
import {
  chooseMatmul,
  MATMUL_VARIANTS,
  matmulKernel,
  matmulKernels,
  matmulSupported,
  type MatmulShape,
  type MatmulVariant,
} from '../ops/matmulVariants';
import { choosePacked, packedKernels } from '../ops/packedMatvec';
import { rmsNorm, rmsNormKernels } from '../ops/rmsNorm';
import { poisonedAct, uploadAct, uploadVec } from '../ops/trial';
import { inNode, testGpu } from '../testing/setupGpu';
import { applySelfTest, runChecks, runSelfTest, tryAllKernels } from './selfTest';
import { PACKED_CHECKS } from './selfTest/packedChecks';

async function withContext(
  body: (ctx: GpuContext) => Promise<void>,
  without: OpenOptions['without'] = [],
): Promise<void> {
  const ctx = await GpuContext.open(testGpu(), { backend: inNode ? 'dawn-node' : 'chrome', without });
  try {
    await body(ctx);
    expect(ctx.errors).toEqual([]);
    expect(ctx.ledger.total).toBe(0);
  } finally {
    ctx.close();
  }
}

/** Puts a wrong program under the name of a kernel into this device's cache, as a driver bug would. */
async function sabotage(ctx: GpuContext, kernel: Kernel, right: RegExp, wrong: string): Promise<void> {
  const code = kernel.code.replace(right, wrong);
  expect(code === kernel.code).toBe(false);
  await ctx.pipelines.get({ ...kernel, code });
}

const breakMatmul = async (ctx: GpuContext, variant: MatmulVariant): Promise<void> =>
  sabotage(
    ctx,
    await matmulKernel(variant, 'F16'),
    /(fn weight[14]\(.*\) -> .* \{\s*return )/g,
    '$1 1.001 * ',
  );

const LARGEST: MatmulShape = { m: 131, n: 43, k: 28, dtype: 'F16' };

const TWO_OF_FOUR = { format: 'km', groups: { keep: 2, group: 4 } } as const;
const KM_KERNELS = { pairs: 'pairsLane', lane: 'maskLane', tree: 'maskTree' };

describe('self-test', () => {
  test('every op has a kernel that is right on this adapter', async () => {
    await withContext(async (ctx) => {
      expect(await runSelfTest(ctx)).toEqual({ ran: true, failed: [], replaced: [] });
    });
  });

  test('every variant that can run here is tried, and right', async () => {
    await withContext(async (ctx) => {
      const trials = await tryAllKernels(ctx);
      expect(trials.filter((t) => !t.ok)).toEqual([]);
      const tried = ctx.pipelines.names;
      const unable: string[] = [];
      for (const v of MATMUL_VARIANTS)
        for (const [dtype, kernel] of Object.entries(await matmulKernels(v)))
          if (!matmulSupported(ctx, v, 4, dtype as FloatDtype)) unable.push(kernel.name);
      const able = OPS.flatMap((op) => op.kernels).filter(
        (k) => !unable.includes(k.name) && k.features.every((f) => ctx.device.features.has(f)),
      );
      expect(able.filter((k) => !tried.has(k.name)).map((k) => k.name)).toEqual([]);
    });
  });

  test('a product that is a thousandth off is found, and the next kernel takes over', async () => {
    await withContext(async (ctx) => {
      const chosen = chooseMatmul(ctx, LARGEST);
      await breakMatmul(ctx, chosen);
      const lines: string[] = [];
      const found = await runSelfTest(ctx, (line) => lines.push(line), { ops: ['matmul', 'headLoss'] });
      expect(found).toEqual({ ran: true, failed: [], replaced: [`matmul.${chosen}`] });
      expect(lines.join()).toContain(`matmul.${chosen} (131 x 43 x 28 F16) is wrong`);
      const next = chooseMatmul(ctx, LARGEST);
      expect(next === chosen).toBe(false);
      // The next device of this adapter, where the test is skipped.
      await withContext(async (later) => {
        expect(chooseMatmul(later, LARGEST)).toBe(chosen);
        applySelfTest(later, found);
        expect(chooseMatmul(later, LARGEST)).toBe(next);
        expect(await runSelfTest(later, undefined, { ops: ['matmul'] })).toEqual(found);
      });
    });
  });

  test('hardware tries every product that it may take, and passes over the one that is wrong', async () => {
    await withContext(async (ctx) => {
      ctx.record.software = false;
      await breakMatmul(ctx, 'tile32x32');
      // Compiling all of them takes a software adapter long.
      for (const id of ['matmul.tile128x64', 'matmul.tiled']) ctx.disabled.add(id);
      expect(await runSelfTest(ctx, undefined, { ops: ['matmul'] })).toEqual({
        ran: true,
        failed: [],
        replaced: ['matmul.tile128x64', 'matmul.tiled', 'matmul.tile32x32'],
      });
      for (const kernel of Object.values(await matmulKernels('tile64x64')))
        expect(ctx.pipelines.names).toContain(kernel.name);
      expect(chooseMatmul(ctx, { ...LARGEST, m: 20 })).toBe('tile64x64');
    });
  });

  test('a packed kernel that is wrong is passed over on its first use', async () => {
    await withContext(async (ctx) => {
      const checks = PACKED_CHECKS.filter(({ what }) => what.startsWith('km'));
      const chosen = choosePacked(ctx, TWO_OF_FOUR);
      const kernel = packedKernels.find(({ name }) => name === `packedMatvec.${KM_KERNELS[chosen]}.F16`);
      await sabotage(ctx, kernel as Kernel, /(fn weight1\(.*\) -> .* \{\s*return )/g, '$1 1.1 * ');
      expect(await runChecks(ctx, checks)).toEqual([]);
      expect([...ctx.disabled]).toEqual([`packedMatvec.km.${chosen}`]);
      expect(choosePacked(ctx, TWO_OF_FOUR) === chosen).toBe(false);
    });
  });

  test('an op whose only kernel is wrong has failed', async () => {
    await withContext(async (ctx) => {
      await sabotage(ctx, activateKernels.gelu, /exp\(/g, '1.0001 * exp(');
      expect(await runSelfTest(ctx, undefined, { ops: ['activate', 'rope'] })).toEqual({
        ran: true,
        failed: ['activate'],
        replaced: [],
      });
    });
  });

  test('an op without a right kernel has failed and refuses to run', async () => {
    await withContext(async (ctx) => {
      await sabotage(ctx, rmsNormKernels.lane, /[sS]qrt\(/g, '$&1.001 * ');
      await sabotage(ctx, rmsNormKernels.tree, /[sS]qrt\(/g, '$&1.001 * ');
      const { failed, replaced } = await runSelfTest(ctx, undefined, { ops: ['rmsNorm'] });
      expect(failed).toEqual(['rmsNorm']);
      expect([...replaced].sort()).toEqual(['rmsNorm.lane', 'rmsNorm.tree']);
      const rec = new Recorder(ctx);
      const scope = ctx.root.child();
      const place = { ctx, scope };
      const x = uploadAct(place, new Float32Array(8).fill(1), 4);
      const weight = uploadVec(place, new Float32Array(4));
      await expect(rmsNorm(rec, x, weight, poisonedAct(place, 2, 4), { eps: 1e-5 })).rejects.toThrow(
        'No kernel of rmsNorm',
      );
      rec.close();
      scope.close();
    });
  });
});
