/**
 * Masks against the PyTorch reference by the rules of docs/methods.md (near-ties): from the reference's own statistics
 * bit for bit, on both selection paths; from the engine's statistics with at most 1 choice in 10,000 different.
 */
import { describe, expect, test } from 'vitest';
import { parsePattern, type LabSpec } from '../core/spec';
import { packMask } from '../formats/masks';
import { inputsOf } from '../models/archs/define';
import type { LayerInputs } from '../pruning/chooser';
import { allocLayerMasks, maskOf, type LayerMasks, type PrunedLayer } from '../pruning/masks';
import { findPruner } from '../pruning/pruners';
import { Selector } from '../pruning/selector';
import type { Recorder } from '../gpu/recorder';
import { f32, fixtureJson, fixtureModel, fixtureTensors } from '../testing/fixtureFiles';
import { giveWindows, windowSpec, withLab } from '../testing/labFixture';
import { sha256Hex } from '../core/hash';

interface Reference {
  texts: { calibration: { windows: number[][] }; report: { windows: number[][] } };
  runs: {
    id: string;
    spec: Pick<LabSpec, 'pruner' | 'allocation' | 'sparsity' | 'beta' | 'pattern' | 'stats'> & {
      exactBudget: boolean;
    };
    rates: number[];
    norms: string | null;
    masks?: Record<string, string>;
  }[];
}

async function packed(rec: Recorder, masks: LayerMasks, name: string): Promise<Uint8Array> {
  const m = maskOf(masks, name);
  return packMask(
    new Uint32Array(await rec.read(m.buffer, 0, m.rows * m.wordsPerRow * 4)),
    m.rows,
    m.cols,
    m.wordsPerRow,
  );
}

function popcount(byte: number): number {
  let ones = 0;
  for (let rest = byte; rest > 0; rest >>= 1) ones += rest & 1;
  return ones;
}

describe('from identical statistics, bit for bit', () => {
  for (const [name, model] of [
    ['two-block', 'two-block'],
    ['awkward', 'awkward'],
    ['deep', 'deep'],
    ['demo', 'demo-model'],
  ] as const) {
    test(name, () =>
      withLab(async ({ lab, io }) => {
        const reference = await fixtureJson<Reference>(name, 'pruning.json');
        const norms = await fixtureTensors(name, 'norms.safetensors');
        const expected = name === 'demo' ? null : await fixtureTensors(name, 'masks.safetensors');
        await lab.load(await fixtureModel(model), io);
        const { engine, plan } = lab.loaded;
        const layerNorms = (prefix: string, layer: number): LayerInputs => ({
          statistics: Object.fromEntries(
            inputsOf(plan.config).map(({ name: input }) => [
              input,
              { norms: f32(norms.get(`${prefix}/layers.${layer}.${input}`)) as Float32Array<ArrayBuffer> },
            ]),
          ),
          sequences: 1,
          tokens: 1,
        });
        await lab.withRecorder(io, 'masks', async (rec) => {
          const scope = lab.ctx.root.child();
          try {
            const masks = allocLayerMasks(scope, engine.model, 0);
            let compared = 0;
            for (const run of name === 'demo' ? reference.runs.slice(0, 2) : reference.runs) {
              for (const path of name === 'demo' ? (['cpu'] as const) : (['cpu', 'gpu'] as const)) {
                const pruner = findPruner(run.spec.pruner);
                const selector = new Selector(scope, engine.model, {
                  pruner,
                  params: {},
                  pattern: parsePattern(run.spec.pattern),
                  exactBudget: run.spec.exactBudget,
                  path,
                });
                for (const [layer, rate] of run.rates.entries()) {
                  const rates = Object.fromEntries(plan.config.matrices.map((m) => [m.name, rate]));
                  await selector.select(
                    rec,
                    layer,
                    rates,
                    run.norms === null ? null : layerNorms(run.norms, layer),
                    { masks },
                  );
                  for (const { name: matrix } of plan.config.matrices) {
                    const tensor =
                      plan.prunable.find((p) => p.layer === layer && p.matrix === matrix)?.name ?? '';
                    const bits = await packed(rec, masks, matrix);
                    const where = `${run.id} ${path} ${tensor}`;
                    if (expected)
                      expect([where, [...bits]]).toEqual([
                        where,
                        [...(expected.get(`${run.id}/${tensor}`)?.bytes ?? [])],
                      ]);
                    else expect([where, await sha256Hex(bits)]).toEqual([where, run.masks?.[tensor]]);
                    compared++;
                  }
                }
              }
            }
            expect(compared).toBeGreaterThan(0);
          } finally {
            scope.close();
          }
        });
      }),
    );
  }
});

describe("from the engine's own statistics, near-ties apart", () => {
  for (const name of ['two-block', 'awkward', 'deep']) {
    test(name, () =>
      withLab(async ({ lab, io }) => {
        const reference = await fixtureJson<Reference>(name, 'pruning.json');
        const expected = await fixtureTensors(name, 'masks.safetensors');
        giveWindows(lab, 'calibration', reference.texts.calibration.windows);
        giveWindows(lab, 'select', reference.texts.report.windows);
        giveWindows(lab, 'report', reference.texts.report.windows);
        await lab.load(await fixtureModel(name), io);
        await lab.withRecorder(io, 'masks', async (rec, meter) => {
          for (const run of reference.runs) {
            const { exactBudget, ...given } = run.spec;
            const state = await lab.masks(
              windowSpec({ ...given, set: { exactBudget } }),
              run.spec.beta as number,
              rec,
              meter,
            );
            let choices = 0;
            let different = 0;
            for (const m of lab.loaded.plan.prunable) {
              const bits = await packed(rec, (state.layers[m.layer] as PrunedLayer).masks, m.matrix);
              const reference = expected.get(`${run.id}/${m.name}`)?.bytes ?? new Uint8Array();
              bits.forEach((byte, i) => (different += popcount(byte ^ (reference[i] ?? 0))));
              choices += m.count;
            }
            expect([run.id, different <= choices / 10_000]).toEqual([run.id, true]);
          }
        });
      }),
    );
  }
});
