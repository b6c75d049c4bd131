/** Models that come and go: what a load and a run took is given back, on the GPU and on the host. */
import { expect, test } from 'vitest';
import { fixtureModel } from '../testing/fixtureFiles';
import { giveWindows, windowSpec, withLab } from '../testing/labFixture';
import { inNode } from '../testing/setupGpu';

const ROUNDS = 50;
/** Rounds that fill what is kept for good: pipelines, code. */
const WARM = 25;
/** A round: below the headers and tables of the smallest model, above the noise of a heap (2 kB were measured). */
const GROWTH_BYTES = 16 << 10;

/** Bytes on the host that are still reachable; null in a browser, which does not say. */
async function liveBytes(): Promise<number | null> {
  if (!inNode) return null;
  const [v8, vm] = await Promise.all([import('node:v8'), import('node:vm')]);
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc') as () => void;
  // Finalizers of the first collection free what the second finds.
  for (let i = 0; i < 3; i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

test(`${ROUNDS} times load, run and unload leave nothing behind`, () =>
  withLab(async ({ lab, events, io }) => {
    const files = await fixtureModel('awkward');
    const { ledger } = lab.ctx;
    let warm: number | null = null;
    for (let round = 0; round < ROUNDS; round++) {
      const { vocabulary } = await lab.load(files, io);
      const ids = Array.from({ length: 8 }, (_, i) => (i * 29 + 3) % vocabulary);
      for (const which of ['calibration', 'select', 'report'] as const) giveWindows(lab, which, [ids]);
      const { memory } = await lab.run(windowSpec({ model: 'awkward' }), 0, io);
      expect(memory.peakBytes).toBeGreaterThan(ledger.bytes('weights'));
      lab.unload();
      events.length = 0;
      expect([ledger.total, ledger.buffers]).toEqual([0, 0]);
      if (round === WARM - 1) warm = await liveBytes();
    }
    const after = await liveBytes();
    if (warm !== null && after !== null) expect((after - warm) / (ROUNDS - WARM)).toBeLessThan(GROWTH_BYTES);
  }));
