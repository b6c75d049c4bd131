/** Every allocation on the demo model: measured, without falling back, and not the uniform one. */
import { expect, test } from 'vitest';
import type { AllocationRecord } from '../../core/report';
import type { LabSpec } from '../../core/spec';
import { allocations } from '../../pruning/allocations';
import { fixtureModel } from '../../testing/fixtureFiles';
import golden from '../../testing/fixtures/allocations.json';
import { giveWindows, windowSpec, withLab } from '../../testing/labFixture';

const windows = (count: number, length: number, seed: number): number[][] =>
  Array.from({ length: count }, (_, w) =>
    Array.from({ length }, (_, t) => ((w * 7919 + t * t * 31 + t * 17 + seed * 101) % 4093) + 1),
  );

test('every allocation of the registry, on the demo model', () =>
  withLab(async ({ lab, io }) => {
    giveWindows(lab, 'calibration', windows(2, 24, 1));
    giveWindows(lab, 'select', windows(1, 8, 2));
    giveWindows(lab, 'report', windows(1, 8, 3));
    await lab.load(await fixtureModel('demo-model'), io);
    const set: Record<string, LabSpec['set']> = {
      bayesian: { bayesTrials: 2 },
      als: { alsSequences: 2, alsTokens: 8 },
    };
    for (const { id, listed } of allocations) {
      // NEURONAL's many partial prunings of this model are in measured.gpu.test.ts.
      if (!listed || id === 'neuronal') continue;
      const found = await lab.allocation(
        windowSpec({ allocation: id, beta: id === 'atp' ? 0.02 : 0, set: set[id] ?? {} }),
        io,
      );
      expect(found.fallback, id).toBeUndefined();
      expect(found.sparsity, id).toHaveLength(16);
      for (const rate of [...found.sparsity, ...Object.values(found.matrices ?? {})]) {
        expect(rate, id).toBeGreaterThanOrEqual(0);
        expect(rate, id).toBeLessThanOrEqual(1);
      }
      // Blocks of one shape all get the same from ER; it is inside them that it differs.
      const rates = found.matrices ? Object.values(found.matrices) : found.sparsity;
      const spread = Math.max(...rates) - Math.min(...rates);
      if (id === 'uniform') expect(spread).toBe(0);
      else expect(spread, id).toBeGreaterThan(1e-4);
      if (found.clamped === 0) expect(found.nominalMean, id).toBeCloseTo(0.7, 2);
    }
  }));

test('data-free allocations against NumPy, on the demo model', () =>
  withLab(async ({ lab, io }) => {
    for (const which of ['calibration', 'select', 'report'] as const)
      giveWindows(lab, which, windows(1, 24, 1));
    await lab.load(await fixtureModel('demo-model'), io);
    const found = (id: string, set = {}): Promise<AllocationRecord> =>
      lab.allocation(windowSpec({ allocation: id, set }), io);
    const same = (got: AllocationRecord, want: Record<string, number>): void => {
      for (const [name, rate] of Object.entries(want))
        expect(got.matrices?.[name], name).toBeCloseTo(rate, 9);
    };
    same(await found('lamp'), golden.lamp);
    same(await found('global', { globalScore: 'magnitude' }), golden.global);
    same(await found('er'), golden.er);
    const alpha = await found('alphapruning');
    golden.alpha.forEach((want, i) => expect(alpha.facts?.['alpha']?.[i]).toBeCloseTo(want, 6));
    golden.alphapruning.forEach((want, i) => expect(alpha.sparsity[i]).toBeCloseTo(want, 6));
  }));
