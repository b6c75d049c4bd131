/** Facts and rates of every measuring allocation against NumPy and PyTorch in f64 (scripts/fixtures/make_measured.py). */
import { describe, expect, test } from 'vitest';
import type { LabSpec } from '../../core/spec';
import measured from '../../testing/fixtures/measured.json';
import { fixtureModel } from '../../testing/fixtureFiles';
import { giveWindows, windowSpec, withLab } from '../../testing/labFixture';
import { TOLERANCE } from '../../testing/tolerances';

interface Run {
  allocation: string;
  sparsity: number;
  set: LabSpec['set'];
  fallback: boolean;
  facts: Record<string, number[]>;
  layers: number[];
  /** In the order of `tensors`. */
  matrices?: number[];
}

const COUNTING = ['owl', 'global', 'neuronal'];
const MODELS = measured as unknown as Record<string, { windows: number[][]; tensors: string[]; runs: Run[] }>;

/** Largest difference, in units of the largest value. */
function apart(got: readonly number[] | undefined, want: readonly number[]): number {
  expect(got).toHaveLength(want.length);
  const scale = Math.max(...want.map(Math.abs));
  return Math.max(...want.map((value, i) => Math.abs((got?.[i] ?? NaN) - value))) / (scale || 1);
}

describe.each(Object.keys(MODELS))('%s', (name) => {
  test('facts and rates', () =>
    withLab(async ({ lab, io }) => {
      const { windows = [], tensors = [], runs = [] } = MODELS[name] ?? {};
      for (const which of ['calibration', 'select', 'report'] as const) giveWindows(lab, which, windows);
      await lab.load(await fixtureModel(name), io);
      for (const run of runs) {
        const { allocation, sparsity, set } = run;
        const what = `${allocation} ${sparsity} ${JSON.stringify(set)}`;
        const found = await lab.allocation(windowSpec({ allocation, sparsity, set, beta: 0 }), io);
        expect(found.fallback !== undefined, what).toBe(run.fallback);
        const limit = COUNTING.includes(allocation) ? TOLERANCE.countedFacts : TOLERANCE.facts;
        expect(apart(found.sparsity, run.layers), what).toBeLessThan(limit);
        if (run.matrices && !run.fallback)
          expect(
            apart(
              tensors.map((t) => found.matrices?.[t] ?? NaN),
              run.matrices,
            ),
            what,
          ).toBeLessThan(limit);
        for (const [fact, want] of Object.entries(run.facts))
          expect(apart(found.facts?.[fact], want), `${what}: ${fact}`).toBeLessThan(limit);
      }
    }));
});
