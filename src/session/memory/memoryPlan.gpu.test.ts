/** The plan of a run's memory against what the ledger counts, over architectures, dtypes, heads and pruners. */
import { describe, expect, test } from 'vitest';
import type { LabSpec } from '../../core/spec';
import { fixtureModel } from '../../testing/fixtureFiles';
import { giveWindows, windowSpec, withLab, type LabFixture } from '../../testing/labFixture';
import { openModel } from '../../formats/hfModel';
import { MEMORY_KINDS } from '../../gpu/ledger';
import { planModel } from '../../models/inspect';
import { planMemory } from './memoryPlan';

/** What the plan promises: the ledger's peak lies this near to it. */
const WITHIN = 0.1;

function windowsOf(count: number, length: number, vocabulary: number, step: number): number[][] {
  return Array.from({ length: count }, (_, w) =>
    Array.from({ length }, (__, i) => (i * step + w * 101 + 3) % vocabulary),
  );
}

interface Case {
  model: string;
  change?: Partial<LabSpec>;
  window?: number;
  /** Of the calibration, the select and the report text. */
  windows?: [number, number, number];
}

const CASES: Case[] = [
  { model: 'demo-model', window: 24, windows: [2, 1, 1] },
  { model: 'two-block' },
  { model: 'two-block', change: { pruner: 'sparsegpt' } },
  { model: 'two-block', change: { stats: 'dense', errorsOn: 'select' } },
  { model: 'gpt2', change: { pruner: 'magnitude' } },
  { model: 'qwen3', change: { pruner: 'sparsegpt', errorsOn: 'report' } },
  { model: 'gemma2' },
  { model: 'bias-bf16', change: { stats: 'dense' } },
  { model: 'gqa-f16', change: { pruner: 'alps' } },
  { model: 'phi3' },
];

/** Loads `model` and gives it texts; the spec that names them. */
async function prepare(
  { lab, io }: LabFixture,
  { model, change = {}, window = 48, windows = [4, 2, 3] }: Case,
): Promise<LabSpec> {
  const { context, vocabulary } = await lab.load(await fixtureModel(model), io);
  const length = Math.min(window, context);
  const [calibration, select, report] = windows;
  giveWindows(lab, 'calibration', windowsOf(calibration, length, vocabulary, 29));
  giveWindows(lab, 'select', windowsOf(select, length, vocabulary, 31));
  giveWindows(lab, 'report', windowsOf(report, length, vocabulary, 37));
  return windowSpec({ model, sparsity: 0.5, ...change });
}

describe('a run takes the memory that was planned', () => {
  for (const given of CASES) {
    test(`${given.model} ${JSON.stringify(given.change ?? {})}`, () =>
      withLab(async (fixture) => {
        const { lab, io } = fixture;
        const spec = await prepare(fixture, given);
        const { memory } = await lab.run(spec, 0, io);
        const { predictedBytes, predictedByKind = {}, peakBytes } = memory;
        expect(Math.abs(peakBytes / predictedBytes - 1)).toBeLessThan(WITHIN);
        expect(MEMORY_KINDS.reduce((sum, kind) => sum + (predictedByKind[kind] ?? 0), 0)).toBe(
          predictedBytes,
        );
      }));
  }
});

describe('so do a sweep, a drag, and a sweep with the run behind it', () => {
  const given: Case = { model: 'two-block' };
  for (const kind of ['sweep', 'tick'] as const) {
    test(kind, () =>
      withLab(async (fixture) => {
        const { lab, io } = fixture;
        const spec = await prepare(fixture, given);
        const { bytes } = await lab.predict(kind, spec);
        if (kind === 'tick') await lab.tick(spec, 0, io);
        else await lab.sweep(spec, { kind: 'preview', betas: [0, 0.01] }, io);
        expect(Math.abs(lab.memory().peak / bytes - 1)).toBeLessThan(WITHIN);
      }),
    );
  }

  test('sweep and run', () =>
    withLab(async (fixture) => {
      const { lab, io } = fixture;
      const spec = await prepare(fixture, given);
      const curve = await lab.sweep(spec, { kind: 'exact', betas: [0, 0.01] }, io);
      const { memory } = await lab.run(spec, 0, io, curve);
      expect(Math.abs(memory.peakBytes / memory.predictedBytes - 1)).toBeLessThan(WITHIN);
    }));

  test('dense outputs that wait on the host are not counted on the GPU', async () => {
    const plan = planModel(await openModel(await fixtureModel('two-block')));
    const text = { key: 'text', lengths: [64, 64] };
    const pruner = { statistics: ['norm'], needsInputs: true, updates: false, path: 'gpu' } as const;
    const jobs = [{ kind: 'prune', pruner, calibration: text, statistics: 'exact', errors: { text, kind: 'full' }, keep: true }] as const; // prettier-ignore
    const onGpu = planMemory(plan, { software: true }, jobs);
    const onHost = planMemory(plan, { software: true, denseStreamBytes: 0 }, jobs);
    const bytes = (plan.config.layers + 1) * 128 * plan.config.hidden * 4;
    expect(onGpu.byKind.denseStreams).toBe(bytes);
    expect(onGpu.host.streams).toBe(0);
    expect(onHost.byKind.denseStreams).toBe(0);
    expect(onHost.host.streams).toBe(bytes);
  });
});
