/** What holds for every pruner of the registry, whatever it does; a new one is judged here without a line of its own. */
import { describe, expect, test } from 'vitest';
import type { LabSpec } from '../core/spec';
import { openModel } from '../formats/hfModel';
import { wholeTensor } from '../formats/tensorBytes';
import { verifyExport } from '../formats/verifyExport';
import { PRUNERS } from '../pruning/pruners';
import { fixtureJson, fixtureModel } from '../testing/fixtureFiles';
import { giveWindows, windowSpec, withLab, type LabFixture } from '../testing/labFixture';
import { folderOf, memorySink } from '../testing/memoryFolder';
import { exportTo } from './export';
import { planRun } from './plan';

interface Texts {
  texts: { calibration: { windows: number[][] }; report: { windows: number[][] } };
}

async function open({ lab, io }: LabFixture): Promise<void> {
  const { texts } = await fixtureJson<Texts>('two-block', 'pruning.json');
  giveWindows(lab, 'calibration', texts.calibration.windows.slice(0, 3));
  giveWindows(lab, 'select', texts.report.windows.slice(0, 1));
  giveWindows(lab, 'report', texts.report.windows.slice(1, 3));
  await lab.load(await fixtureModel('two-block'), io);
}

type Tensors = Map<string, Uint8Array>;

async function tensorsOf(model: Awaited<ReturnType<typeof openModel>>): Promise<Tensors> {
  const all = [...model.tensors.values()].map(async (t) => [t.name, await wholeTensor(t)] as const);
  return new Map(await Promise.all(all));
}

/** Weights that differ and are not zero now. */
function changedWeights(before: Uint8Array, now: Uint8Array, width: number): number {
  let changed = 0;
  for (let at = 0; at < now.byteLength; at += width) {
    const bytes = now.subarray(at, at + width);
    const zero = bytes.every((byte, k) => (k === width - 1 ? byte & 0x7f : byte) === 0);
    if (!zero && bytes.some((byte, k) => byte !== before[at + k])) changed += 1;
  }
  return changed;
}

/** Prunes, exports, verifies, opens what was written and measures it: it must be what the report says. */
async function throughTheFile(fixture: LabFixture, change: Partial<LabSpec>): Promise<void> {
  const { lab, io } = fixture;
  await open(fixture);
  const spec = windowSpec({ allocation: 'uniform', ...change });
  const { updates } = planRun(lab.loaded.plan, spec);
  const { prunable } = lab.loaded.plan;
  const before = await tensorsOf(lab.loaded.plan.opened);
  const { sink, files } = memorySink();
  const { report } = await exportTo(lab, spec, 0, sink, { masks: true }, io);
  const folder = folderOf('pruned', files);
  const read = async (path: string): Promise<Uint8Array> => files.get(path) ?? new Uint8Array();
  const checked = await verifyExport({
    list: () => Promise.resolve([...files.keys()]),
    size: async (path) => (await read(path)).byteLength,
    read: async (path, begin, end) => (await read(path)).slice(begin, end),
  });
  expect(checked.differences).toEqual([]);

  const now = await tensorsOf(await openModel(folder));
  const names = new Set(prunable.map(({ name }) => name));
  let changed = 0;
  for (const [name, bytes] of before) {
    const written = now.get(name) ?? new Uint8Array();
    if (!names.has(name)) expect(written, name).toEqual(bytes);
    else changed += changedWeights(bytes, written, bytes.byteLength / (report.sparsity?.matrices[name]?.count ?? 1)); // prettier-ignore
  }
  expect(changed > 0).toBe(updates && spec.sparsity > 0);
  const { achieved = 0, requested = 0 } = report.sparsity ?? {};
  // Whole heads and channels are coarse; all others miss by rounding.
  const coarse = spec.pruner === 'llm-pruner' ? 0.2 : 0.02;
  expect(Math.abs(achieved - requested)).toBeLessThanOrEqual(coarse);
  expect(report.perplexity.pruned).toBeGreaterThan(0);

  await lab.load(folder, io);
  expect((await lab.evaluate(spec, io)).perplexity.dense).toBe(report.perplexity.pruned);
}

describe.each(PRUNERS.map((p) => [p.id, p] as const))('%s', (id, pruner) => {
  test('what is exported is what was measured', () =>
    withLab((fixture) => throughTheFile(fixture, { pruner: id, sparsity: 0.5 })));

  if (pruner.groups)
    test('2:4 keeps two of four, in the file too', () =>
      withLab((fixture) => throughTheFile(fixture, { pruner: id, sparsity: 0.5, pattern: '2:4' })));

  // Whole heads and channels cannot meet it.
  if (id !== 'llm-pruner')
    test('the exact budget is met to the weight', () =>
      withLab(async (fixture) => {
        const { lab, io } = fixture;
        await open(fixture);
        const set = { exactBudget: true };
        const spec = windowSpec({ allocation: 'uniform', pruner: id, sparsity: 0.37, set });
        const { sparsity } = await lab.run(spec, 0, io);
        for (const { zeros, count } of Object.values(sparsity?.matrices ?? {}))
          expect(zeros).toBe(Math.floor(count * 0.37));
      }));

  test('nothing goes at sparsity 0, and ATP sweeps it', () =>
    withLab(async (fixture) => {
      const { lab, io } = fixture;
      await open(fixture);
      const none = await lab.run(windowSpec({ allocation: 'uniform', pruner: id, sparsity: 0 }), 0, io);
      expect(none.sparsity?.achieved).toBe(0);
      expect(none.perplexity.pruned).toBe(none.perplexity.dense);
      const spec = windowSpec({ pruner: id, sparsity: 0.5 });
      for (const kind of ['exact', 'preview'] as const) {
        const curve = await lab.sweep(spec, { kind, betas: [0, 0.3] }, io);
        expect(curve.points.map((p) => p.beta)).toEqual([0, 0.3]);
        for (const { perplexity } of curve.points) expect(perplexity).toBeGreaterThan(0);
        expect(curve.points[0]?.perplexity).not.toBe(curve.points[1]?.perplexity);
      }
    }));
});
