import { describe, expect, test } from 'vitest';
import { expectClose } from '../testing/compare';
import { normals, readAct, runOnGpu, upload } from '../testing/gpuFixture';
import { TOLERANCE } from '../testing/tolerances';
import { softcap } from './softcap';
import { softcapRef } from './softcap.ref';

/** In place, with poison behind the end. */
async function check(x: Float32Array, options: { softcap?: number; scale?: number }): Promise<void> {
  await runOnGpu(async (gpu) => {
    const padded = new Float32Array(x.length + 16).fill(NaN);
    padded.set(x);
    const act = { buffer: upload(gpu, padded), rows: 1, cols: x.length };
    await softcap(gpu.rec, act, options);
    const want = softcapRef(x, options);
    expectClose(await readAct(gpu, act), want, (_, v) => TOLERANCE.softcap(v), JSON.stringify(options));
  });
}

describe('softcap', () => {
  test('lengths around four and around a workgroup, every size of argument', async () => {
    for (const n of [1, 2, 3, 4, 5, 255, 256, 257, 1030])
      await check(normals(n, n, 40), { softcap: 30, scale: 0.7 });
    // From the smallest normal numbers to the largest: tanh is straight, bends, is flat, and must not overflow.
    const sizes = Float32Array.from({ length: 2400 }, (_, i) => (i % 2 === 0 ? 1 : -1) * 2 ** (i / 10 - 118));
    await check(sizes, { softcap: 30 });
    // Both sides of the seam between the two forms.
    const seam = Float32Array.from({ length: 400 }, (_, i) => 30 + (i - 200) * 1e-4);
    await check(seam, { softcap: 30 });
  });

  test('a scale alone, and nothing at all', async () => {
    await check(normals(77, 1), { scale: 0.125 });
    await check(normals(77, 2), {});
  });

  test('no cap hides an overflow', async () => {
    await check(Float32Array.of(1, NaN, Infinity, -Infinity, 2, 3, 3e38), { softcap: 5 });
    await check(Float32Array.of(1, 3e38, -3e38, 0, -0), { softcap: 5, scale: 10 });
  });

  test('caps and scales that are none are refused', async () => {
    await expect(check(normals(4, 3), { softcap: -1 })).rejects.toThrow(/cap of -1/);
    await expect(check(normals(4, 3), { softcap: Infinity })).rejects.toThrow(/cap of Infinity/);
    await expect(check(normals(4, 3), { scale: NaN })).rejects.toThrow(/scale of NaN/);
  });
});
