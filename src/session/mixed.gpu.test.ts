/** Mixed N:8: every group of a layer keeps what ATP chose for the layer, and nothing else is asked. */
import { expect, test } from 'vitest';
import { fixtureModel } from '../testing/fixtureFiles';
import { giveWindows, windowSpec, withLab } from '../testing/labFixture';

const ids = Array.from({ length: 24 }, (_, t) => ((t * t * 31 + t * 17) % 4093) + 1);

test('each layer has its whole number of zeros', () =>
  withLab(async ({ lab, io }) => {
    for (const which of ['calibration', 'select', 'report'] as const) giveWindows(lab, which, [ids]);
    await lab.load(await fixtureModel('demo-model'), io);
    const spec = windowSpec({ pattern: 'mixed:8', sparsity: 0.75, beta: 0.02 });
    const { allocation, sparsity } = await lab.run(spec, 0.02, io);
    const keeps = allocation?.facts?.['kept of 8'] ?? [];
    expect(new Set(keeps).size).toBeGreaterThan(1);
    expect(keeps.reduce((a, b) => a + b, 0)).toBe(32);
    expect(sparsity?.layers).toEqual(keeps.map((keep) => 1 - keep / 8));
  }));
