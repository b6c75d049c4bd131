import { expect, test } from 'vitest';
import { Recorder } from '../gpu/recorder';
import { matmul } from '../ops/matmul';
import { peakFlops, peakFma } from '../ops/peakFma';
import { rmsNorm } from '../ops/rmsNorm';
import { normals, runOnGpu, uploadAct, uploadVec, uploadWeight } from '../testing/gpuFixture';
import { byFamily, hasTimestamps, Profile, totalMs } from './profile';

test('counts are those of the recorder, by family, and results are the same as without a probe', async () => {
  await runOnGpu(async (gpu) => {
    const [x, out] = [uploadAct(gpu, normals(64 * 64, 1), 64), uploadAct(gpu, normals(64 * 64, 2), 64)];
    const { weight } = uploadWeight(gpu, normals(64 * 64, 3), 64, 'F16');
    const scale = uploadVec(gpu, normals(64, 4));
    const profile = new Profile(gpu.ctx, false);
    const watched = new Recorder(gpu.ctx, { probe: profile });
    const results: Float32Array[] = [];
    try {
      for (const rec of [gpu.rec, watched]) {
        for (let i = 0; i < 3; i++) {
          await rmsNorm(rec, x, scale, out, { eps: 1e-5 });
          await matmul(rec, x, weight, out, { residual: out });
        }
        results.push(await rec.readF32(out.buffer, 64 * 64));
      }
      const families = byFamily(await profile.take());
      expect(results[1]).toEqual(results[0]);
      expect(Object.keys(families).sort()).toEqual(['matmul', 'rmsNorm']);
      expect(families['rmsNorm']?.dispatches).toBe(3);
      expect(families['matmul']).toMatchObject({ dispatches: 3, flops: 6 * 64 ** 3, ms: 0 });
      const sum = (key: 'dispatches' | 'flops'): number =>
        Object.values(families).reduce((total, f) => total + f[key], 0);
      expect(sum('dispatches')).toBe(watched.work.dispatches);
      expect(sum('flops')).toBe(watched.work.flops);
      expect((await profile.take()).size).toBe(0);
    } finally {
      watched.close();
      profile.close();
    }
  });
});

test('timestamps of many submits grow with the work and stay below the clock', async () => {
  await runOnGpu(async ({ ctx, scope }) => {
    if (!hasTimestamps(ctx)) return;
    const lanes = 8192;
    const out = scope.alloc(4 * lanes, 'scratch', 'peak');
    const profile = new Profile(ctx);
    const rec = new Recorder(ctx, { probe: profile });
    try {
      const time = async (trips: number): Promise<{ wall: number; device: number }> => {
        const startMs = performance.now();
        for (let i = 0; i < 4; i++) {
          await peakFma(rec, out, { lanes, trips, variant: 'plain' });
          rec.flush();
        }
        await rec.finish();
        const wall = performance.now() - startMs;
        const taken = await profile.take();
        expect(taken.get('peakFma')).toMatchObject({ dispatches: 4, flops: 4 * peakFlops(lanes, trips) });
        return { wall, device: totalMs(taken) };
      };
      await time(16);
      const [short, long] = [await time(32), await time(512)];
      expect(short.device).toBeGreaterThan(0);
      // Sixteen times the work; what else the machine does takes its share of either.
      expect(long.device).toBeGreaterThan(3 * short.device);
      expect(long.device).toBeLessThan(long.wall * 1.05);
    } finally {
      rec.close();
      profile.close();
    }
  });
});
