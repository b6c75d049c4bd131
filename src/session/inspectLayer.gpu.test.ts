/** One layer's figures against PyTorch's (layer.json, pruning.json, masks.safetensors) and against the masks themselves. */
import { describe, expect, test } from 'vitest';
import { fromBase64 } from '../core/base64';
import { toF32, type FloatDtype } from '../core/dtypes';
import type { LabSpec } from '../core/spec';
import { f32, fixtureJson, fixtureModel, fixtureTensors } from '../testing/fixtureFiles';
import { giveWindows, windowSpec, withLab } from '../testing/labFixture';
import { TOLERANCE } from '../testing/tolerances';
import { inspectLayer } from './inspectLayer';

interface Pruning {
  texts: { calibration: { windows: number[][] }; report: { windows: number[][] } };
  runs: {
    id: string;
    spec: LabSpec & { exactBudget: boolean };
    rates: number[];
    norms: string | null;
    sparsity: { matrices: Record<string, { zeros: number; count: number }> };
  }[];
}

describe('every matrix as PyTorch has it', () => {
  for (const name of ['two-block', 'awkward'])
    test(name, () =>
      withLab(async ({ lab, io }) => {
        const pruning = await fixtureJson<Pruning>(name, 'pruning.json');
        const { runs } = await fixtureJson<{ runs: Record<string, Record<string, number>> }>(name, 'layer.json');
        const masks = await fixtureTensors(name, 'masks.safetensors');
        const norms = await fixtureTensors(name, 'norms.safetensors');
        const weights = await fixtureTensors(name, 'model.safetensors');
        giveWindows(lab, 'calibration', pruning.texts.calibration.windows);
        giveWindows(lab, 'select', pruning.texts.report.windows);
        giveWindows(lab, 'report', pruning.texts.report.windows);
        await lab.load(await fixtureModel(name), io);
        for (const [id, errors] of Object.entries(runs)) {
          const run = pruning.runs.find((r) => r.id === id);
          if (!run) throw new Error(`pruning.json has no run ${id}`);
          const { exactBudget, ...given } = run.spec;
          const spec = windowSpec({ ...given, set: { exactBudget } });
          for (const layer of [1, 0]) {
            const record = await inspectLayer(lab, spec, spec.beta as number, layer, io);
            expect(record.inputs.prefix).toBe(spec.stats === 'dense' ? 'dense' : 'pruned');
            expect(record.matrices).toHaveLength(7);
            for (const m of record.matrices) {
              const where = `${id} ${m.tensor}`;
              const expected = errors[m.tensor] ?? NaN;
              expect([where, Math.abs((m.error ?? NaN) / expected - 1) <= TOLERANCE.runErrors]).toEqual([where, true]);
              const counts = run.sparsity.matrices[m.tensor];
              expect([where, m.zeros, m.count]).toEqual([where, counts?.zeros, counts?.count]);
              if (spec.pattern === 'free') expect(m.requested).toBeCloseTo(run.rates[layer] ?? NaN, 12);
              // Small enough to be seen weight by weight: the picture is the mask (near-ties apart).
              const bits = masks.get(`${id}/${m.tensor}`)?.bytes ?? new Uint8Array();
              const cells = fromBase64(m.picture.kept);
              expect(cells).toHaveLength(m.count);
              const different = cells.reduce((sum, cell, i) => sum + (cell === 255 * (((bits[i >> 3] ?? 0) >> (i & 7)) & 1) ? 0 : 1), 0);
              expect([where, different <= 2]).toEqual([where, true]);
              const { kept, pruned, zero, threshold } = m.scores;
              const sum = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0);
              expect(sum(kept) + zero.kept).toBe(m.count - m.zeros);
              expect(sum(pruned) + zero.pruned).toBe(m.zeros);
              if (spec.pattern !== 'free') expect(threshold).toBeNull();
              else if (spec.pruner === 'magnitude') expect(threshold?.unit).toBe('matrix');
              else {
                // The middle row's cut, from PyTorch's norms.
                const key = Object.entries(INPUT_OF).find(([end]) => m.tensor.includes(end))?.[1] ?? '';
                const norm = f32(norms.get(`${run.norms ?? ''}/layers.${layer}.${key}`));
                const file = weights.get(m.tensor);
                const w = toF32(file?.bytes ?? new Uint8Array(), (file?.dtype ?? 'F32') as FloatDtype);
                const gone = Math.trunc(m.cols * (run.rates[layer] ?? 0));
                const cuts = Array.from({ length: m.rows }, (_, r) =>
                  Array.from({ length: m.cols }, (_c, c) => Math.abs(w[r * m.cols + c] ?? 0) * (norm[c] ?? 0)).sort((a, b) => a - b)[gone - 1] ?? NaN,
                ).sort((a, b) => a - b);
                const half = m.rows / 2;
                const median = m.rows % 2 ? cuts[Math.floor(half)] : ((cuts[half - 1] ?? NaN) + (cuts[half] ?? NaN)) / 2;
                expect(threshold).toMatchObject({ unit: 'row', rows: m.rows });
                if (threshold?.unit !== 'row') throw new Error('no rows');
                expect(Math.abs(threshold.median / (median ?? NaN) - 1)).toBeLessThan(TOLERANCE.runErrors);
                expect(threshold.min).toBeLessThanOrEqual(threshold.median);
                expect(threshold.max).toBeGreaterThanOrEqual(threshold.median);
              }
            }
          }
        }
      }),
    );
}); // prettier-ignore

const INPUT_OF: Record<string, string> = {
  q_proj: 'attn',
  k_proj: 'attn',
  v_proj: 'attn',
  o_proj: 'o',
  gate_proj: 'mlp',
  up_proj: 'mlp',
  down_proj: 'down',
};

test('a layer that is not there, and cancelling', () =>
  withLab(async ({ lab, io }) => {
    const { texts } = await fixtureJson<Pruning>('two-block', 'pruning.json');
    for (const which of ['calibration', 'select', 'report'] as const)
      giveWindows(lab, which, texts.report.windows);
    await lab.load(await fixtureModel('two-block'), io);
    const spec = windowSpec({});
    await expect(inspectLayer(lab, spec, 0, 2, io)).rejects.toThrow('There is no layer 2.');
    const abort = new AbortController();
    abort.abort();
    await expect(inspectLayer(lab, spec, 0, 0, { ...io, signal: abort.signal })).rejects.toThrow(
      'Cancelled.',
    );
  }));
