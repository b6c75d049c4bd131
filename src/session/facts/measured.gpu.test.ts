/** Facts and rates of every measuring allocation against NumPy and PyTorch in f64 (scripts/fixtures/make_measured.py). */
import { describe, expect, test } from 'vitest';
import type { LabSpec } from '../../core/spec';
import { realPace } from '../../pruning/pace';
import measured from '../../testing/fixtures/measured.json';
import { fixtureModel } from '../../testing/fixtureFiles';
import { giveWindows, windowSpec, withLab, type LabFixture } from '../../testing/labFixture';
import { TOLERANCE } from '../../testing/tolerances';
import { planRun } from '../plan';
import { allocationFor } from './index';

interface Run {
  allocation: string;
  sparsity: number;
  set: LabSpec['set'];
  fallback: boolean;
  facts: Record<string, number[]>;
  layers: number[];
  /** In the order of `tensors`. */
  matrices?: number[];
  /** Zeros of every eighth row, by tensor, where rows have numbers of their own. */
  rows?: Record<string, number[]>;
}

const EVERY_ROW = 8;
const COUNTING = ['owl', 'global', 'neuronal'];
const MODELS = measured as unknown as Record<string, { windows: number[][]; tensors: string[]; runs: Run[] }>;

/** Largest difference, in units of the largest value. */
function apart(got: readonly number[] | undefined, want: readonly number[]): number {
  expect(got).toHaveLength(want.length);
  const scale = Math.max(...want.map(Math.abs));
  return Math.max(...want.map((value, i) => Math.abs((got?.[i] ?? NaN) - value))) / (scale || 1);
}

/** What three quarters of the values do not exceed: a near-tie moves the candidate in which it falls, not the others. */
function mostApart(got: readonly number[] = [], want: readonly number[] = []): number {
  const off = want.map((value, i) => apart(got.slice(i, i + 1), [value])).sort((a, b) => a - b);
  return off[Math.ceil(0.75 * off.length) - 1] ?? 0;
}

/** Zeros of the rows of every matrix that a spec asks for, by tensor; empty where a matrix has one rate. */
async function rowZeros({ lab, io }: LabFixture, spec: LabSpec): Promise<Record<string, number[]>> {
  const { engine, plan: model } = lab.loaded;
  const { calibration, select } = await lab.texts(spec);
  if (!calibration || !select) throw new Error('the texts were given');
  const plan = planRun(model, spec);
  const { rates } = await lab.withRecorder(io, 'Rates', (rec, meter) =>
    allocationFor({ engine, plan, rec, meter, pace: realPace(rec), calibration, select }, 0),
  );
  return Object.fromEntries(
    model.prunable.map(({ name, layer, matrix }) => {
      const rate = rates[layer]?.[matrix];
      return [name, typeof rate === 'object' ? [...(rate.rowZeros ?? [])] : []];
    }),
  );
}

describe.each(Object.keys(MODELS))('%s', (name) => {
  test('facts and rates', () =>
    withLab(async (fixture) => {
      const { lab, io } = fixture;
      const { windows = [], tensors = [], runs = [] } = MODELS[name] ?? {};
      for (const which of ['calibration', 'select', 'report'] as const) giveWindows(lab, which, windows);
      await lab.load(await fixtureModel(name.split(' ')[0] ?? name), io);
      for (const run of runs) {
        const { allocation, sparsity, set } = run;
        const what = `${allocation} ${sparsity} ${JSON.stringify(set)}`;
        const spec = windowSpec({ allocation, sparsity, set, beta: 0 });
        const found = await lab.allocation(spec, io);
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
        if (allocation === 'neuronal')
          for (const scores of ['their scores', 'row scores'])
            expect(mostApart(found.facts?.[scores], run.facts[scores]), what).toBeLessThan(TOLERANCE.facts);
        if (!run.rows) continue;
        const zeros = await rowZeros(fixture, spec);
        const own = Object.keys(zeros).filter((t) => zeros[t]?.length !== 0);
        expect(own.sort(), what).toEqual(Object.keys(run.rows).sort());
        for (const [tensor, want] of Object.entries(run.rows)) {
          const got = zeros[tensor]?.filter((_, r) => r % EVERY_ROW === 0) ?? [];
          expect(got, what).toHaveLength(want.length);
          const off = got.map((z, r) => Math.abs(z - (want[r] ?? NaN)));
          // A share that lies at a whole number of weights may be cut on either side of it.
          expect(Math.max(...off), `${what}: ${tensor}`).toBeLessThanOrEqual(1);
          expect(off.filter((z) => z > 0).length / off.length, `${what}: ${tensor}`).toBeLessThan(limit);
        }
      }
    }));
});
