/**
 * Whole runs against an independent PyTorch implementation (src/testing/fixtures, made by scripts/fixtures): zeros
 * exactly, masks by the rule of near-ties, errors and perplexities of the weights that were really measured.
 */
import { describe, expect, test } from 'vitest';
import type { LabSpec } from '../core/spec';
import { fixtureJson, fixtureModel } from '../testing/fixtureFiles';
import { giveWindows, windowSpec, withLab } from '../testing/labFixture';
import { TOLERANCE } from '../testing/tolerances';

interface ReferenceErrors {
  local: number;
  inPlace: number;
  inherited: number;
  cumulative: number;
  cross: number;
  dense: number;
}

interface ReferenceRun {
  id: string;
  spec: Pick<LabSpec, 'pruner' | 'allocation' | 'sparsity' | 'beta' | 'pattern' | 'stats'> & {
    exactBudget: boolean;
  };
  rates: number[];
  sparsity: {
    achieved: number;
    layers: number[];
    matrices: Record<string, { zeros: number; count: number }>;
  };
  float64: {
    errors: ReferenceErrors[];
    perplexity: { dense: number; pruned: number };
    losses: number[];
    /** Of the cases made since it is measured. */
    divergence?: { kl: number; topOne: number; topOneClose: number };
  };
}

interface Reference {
  texts: { calibration: { windows: number[][] }; report: { windows: number[][] } };
  dense: { losses: number[]; perplexity: number };
  runs: ReferenceRun[];
}

const CASES: [string, string, (id: string) => boolean][] = [
  ['two-block', 'two-block', () => true],
  ['awkward', 'awkward', () => true],
  ['deep', 'deep', () => true],
  ['demo', 'demo-model', (id) => id === 'wanda-0.7-exact'],
];

describe('runs equal the PyTorch reference', () => {
  for (const [name, model, wanted] of CASES) {
    for (const select of ['cpu', 'gpu'] as const) {
      // On a software adapter the second path over the demo model costs minutes and proves nothing new.
      if (name === 'demo' && select === 'gpu') continue;
      test(
        `${name}, masks on the ${select}`,
        () =>
          withLab(async ({ lab, io }) => {
            const reference = await fixtureJson<Reference>(name, 'pruning.json');
            giveWindows(lab, 'calibration', reference.texts.calibration.windows);
            giveWindows(lab, 'select', reference.texts.report.windows);
            giveWindows(lab, 'report', reference.texts.report.windows);
            await lab.load(await fixtureModel(model), io);
            const runs = reference.runs.filter((r) => wanted(r.id));
            if (name === 'two-block' || name === 'awkward')
              expect(runs.every((r) => r.float64.divergence !== undefined)).toBe(true);
            expect(runs.length).toBeGreaterThan(0);
            for (const run of runs) {
              const { exactBudget, ...given } = run.spec;
              const spec = windowSpec({ ...given, set: { exactBudget, select } });
              const report = await lab.run(spec, run.spec.beta as number, io);
              compareRun(run, report, reference.dense.perplexity);
              compareDivergence(run, report, reference.texts.report.windows);
            }
          }),
        600_000,
      );
    }
  }
});

function compareRun(
  run: ReferenceRun,
  report: Awaited<ReturnType<import('./lab').Lab['run']>>,
  dense: number,
): void {
  const where = run.id;
  expect([where, report.allocation?.sparsity]).toEqual([where, run.rates]);
  expect([where, report.sparsity?.matrices]).toEqual([where, run.sparsity.matrices]);
  const { errors, perplexity } = report;
  errors?.layers.forEach((row, i) => {
    const expected = run.float64.errors[i] as ReferenceErrors;
    for (const key of ['local', 'inPlace', 'inherited', 'cumulative', 'cross', 'dense'] as const) {
      // Cross terms nearly cancel: they are judged by the size of what they are part of.
      const scale = key === 'cross' || key === 'inherited' ? expected.cumulative : expected[key];
      const off = Math.abs((row[key] as number) - expected[key]) / (scale || 1);
      expect([where, i, key, off < TOLERANCE.runErrors]).toEqual([where, i, key, true]);
    }
  });
  expect([where, relative(perplexity.dense, dense) < TOLERANCE.densePerplexity]).toEqual([where, true]);
  expect([
    where,
    relative(perplexity.pruned ?? null, run.float64.perplexity.pruned) < TOLERANCE.runPerplexity,
  ]).toEqual([where, true]);
}

/** One position in the whole text may fall the other way beside those that nearly tie in the reference itself. */
function compareDivergence(
  run: ReferenceRun,
  { perplexity }: Awaited<ReturnType<import('./lab').Lab['run']>>,
  windows: readonly (readonly number[])[],
): void {
  const expected = run.float64.divergence;
  if (!expected) return;
  const { kl, topOne } = perplexity;
  const positions = windows.reduce((sum, w) => sum + w.length - 1, 0);
  expect([run.id, Math.abs((kl ?? NaN) - expected.kl) < TOLERANCE.runKl]).toEqual([run.id, true]);
  const turned = Math.abs((topOne ?? NaN) - expected.topOne);
  expect([run.id, turned <= expected.topOneClose + 1.001 / positions]).toEqual([run.id, true]);
}

function relative(actual: number | null, expected: number): number {
  return actual === null ? Infinity : Math.abs(actual - expected) / expected;
}
