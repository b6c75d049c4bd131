/** LLM-Pruner's groups, importance and masks, against PyTorch (scripts/fixtures/make_llm_pruner.py) and by hand. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { toF32 } from '../../core/dtypes';
import { LabError } from '../../core/errors';
import { transpose } from '../../core/transpose';
import { openModel } from '../../formats/hfModel';
import { wholeTensor } from '../../formats/tensorBytes';
import { planModel, type ModelPlan } from '../../models/inspect';
import { fixtureModel } from '../../testing/fixtureFiles';
import type { LayerJob } from '../pruners/define';
import { fullMask, groupsWithout, leastImportant, maskGroups, removedCount } from './choose';
import { groupFamilies, normsOverHeads, removedLines } from './groups';
import { groupImportance, type ScoredMatrix } from './importance';
import { chooseLayer, removedGroups } from './llmPruner';

interface Expected {
  synthetic: Record<'heads' | 'channels', number[]>[];
  taylor: Record<'heads' | 'channels', number[]>[];
  removed: Record<string, Record<'heads' | 'channels', number[]>[]>;
}
const { versions: _versions, ...cases } = JSON.parse(
  readFileSync('src/testing/fixtures/llm-pruner/groups.json', 'utf8'),
) as Record<string, Expected>;

const planOf = async (name: string): Promise<ModelPlan> =>
  planModel(await openModel(await fixtureModel(name)));

/** Matrices of a layer in f32, [outputs, inputs], with the formula's gradient. */
async function layerOf(plan: ModelPlan, layer: number): Promise<Record<string, ScoredMatrix>> {
  const out: Record<string, ScoredMatrix> = {};
  for (const { role, entry, rows, cols, transposed } of plan.tensors) {
    if (role.kind !== 'matrix' || role.layer !== layer) continue;
    const stored = toF32(await wholeTensor(entry), entry.dtype);
    const bytes = new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength).slice();
    const turned = transposed ? transpose(bytes, 4, cols, rows) : bytes;
    const code = role.matrix.charCodeAt(0);
    out[role.matrix] = {
      rows,
      cols,
      weights: new Float32Array(turned.buffer),
      gradient: Float32Array.from({ length: rows * cols }, (_, i) => {
        const [r, c] = [Math.floor(i / cols), i % cols];
        return (((31 * r + 17 * c + 7 * layer + 13 * code) % 101) - 50) / 64;
      }),
    };
  }
  return out;
}

const job = (
  plan: ModelPlan,
  layer: number,
  matrices: Record<string, ScoredMatrix>,
  change: Partial<LayerJob>,
): LayerJob => ({
  layer,
  params: {},
  pace: { breathe: () => Promise.resolve() },
  warn: () => undefined,
  config: plan.config,
  rate: 0.5,
  matrices: matrices as LayerJob['matrices'],
  ...change,
});

describe('against PyTorch', () => {
  expect(Object.keys(cases).length).toBeGreaterThan(3);
  for (const [name, expected] of Object.entries(cases)) {
    test(`${name}: importance of every group, and the groups that go`, async () => {
      const plan = await planOf(name);
      for (const [layer, want] of expected.synthetic.entries()) {
        const matrices = await layerOf(plan, layer);
        const gradients = Object.fromEntries(
          Object.entries(matrices).map(([m, { gradient }]) => [m, gradient ?? new Float32Array()]),
        );
        for (const family of groupFamilies(plan.config)) {
          const got = await groupImportance(family, matrices);
          expect(got.length).toBe(want[family.kind].length);
          // Twelve digits are in the file.
          for (const [g, x] of got.entries())
            expect(Math.abs(x / (want[family.kind][g] ?? NaN) - 1)).toBeLessThan(1e-11);
          const gone = await removedGroups(job(plan, layer, matrices, { gradients }));
          const half = Float64Array.from(want[family.kind]);
          expect(gone.find((x) => x.family.kind === family.kind)?.groups).toEqual(
            leastImportant(half, removedCount(half.length, 0.5)),
          );
        }
      }
    });

    test(`${name}: from its gradients PyTorch removes the same`, () => {
      for (const [ratio, layers] of Object.entries(expected.removed))
        for (const [i, removed] of layers.entries())
          for (const kind of ['heads', 'channels'] as const) {
            const importance = Float64Array.from(expected.taylor[i]?.[kind] ?? []);
            expect(leastImportant(importance, removedCount(importance.length, Number(ratio)))).toEqual(
              removed[kind],
            );
          }
    });
  }
});

describe('every architecture', () => {
  const names = 'two-block qwen3 gemma2 gemma3 phi3 smollm3 olmo2 stablelm gpt2 opt gpt_neox mistral'.split(
    ' ',
  );
  for (const name of names) {
    test(`${name}: groups cover each output of q, k, v, gate and up and each input of o and down once`, async () => {
      const { config } = await planOf(name);
      const taken = new Map<string, number[]>();
      for (const family of groupFamilies(config))
        for (let g = 0; g < family.count; g++)
          for (const { matrix, axis, lines } of removedLines(family, [g]))
            taken.set(`${matrix} ${axis}`, [...(taken.get(`${matrix} ${axis}`) ?? []), ...lines]);
      const want = config.matrices.map((m) =>
        m.name === 'o' || m.name === 'down' ? `${m.name} cols` : `${m.name} rows`,
      );
      expect([...taken.keys()].sort()).toEqual(want.sort());
      for (const { name: matrix, rows, cols } of config.matrices) {
        const lines = taken.get(`${matrix} rows`) ?? taken.get(`${matrix} cols`) ?? [];
        const length = taken.has(`${matrix} rows`) ? rows : cols;
        expect(lines.sort((a, b) => a - b)).toEqual(Array.from({ length }, (_, i) => i));
      }
      expect(normsOverHeads(config)).toBe(name === 'olmo2');
    });
  }
});

describe('counts', () => {
  test('current - trunc(initial * (1 - ratio))', () => {
    expect([0, 0.25, 0.5, 1].map((r) => removedCount(32, r))).toEqual([0, 8, 16, 32]);
    expect([0.1, 0.25, 0.34].map((r) => removedCount(3, r))).toEqual([1, 1, 2]);
    expect(removedCount(11008, 0.25)).toBe(2752);
  });
  test('of equals the first go', () => {
    expect(leastImportant(Float64Array.of(2, 1, 1, 1, 0), 3)).toEqual([1, 2, 4]);
  });
  test('an importance that is no number is refused', () => {
    expect(() => leastImportant(Float64Array.of(1, NaN), 1)).toThrow(LabError);
  });
});

describe('masks', () => {
  test('remove whole groups and nothing else; the groups are found in them again', async () => {
    for (const name of ['phi3', 'gpt_neox', 'gpt2', 'two-block']) {
      const plan = await planOf(name);
      const matrices = await layerOf(plan, 1);
      const choice = await chooseLayer(job(plan, 1, matrices, {}));
      const gone = await removedGroups(job(plan, 1, matrices, {}));
      const masks = Object.fromEntries(
        Object.entries(matrices).map(([m, { rows, cols }]) => {
          const words = choice[m]?.kept ?? new Uint32Array();
          return [m, { rows, cols, words }];
        }),
      );
      const again = Object.fromEntries(
        Object.entries(matrices).map(([m, { rows, cols }]) => [m, fullMask(rows, cols)]),
      );
      for (const { family, groups } of gone) {
        expect(groups.length).toBe(removedCount(family.count, 0.5));
        expect(groupsWithout(masks, family)).toEqual(groups);
        maskGroups(again, family, groups);
      }
      expect(again).toEqual(masks);
      for (const { rows, cols, words } of Object.values(masks)) {
        const kept = words.reduce((n, w) => n + w.toString(2).replaceAll('0', '').length, 0);
        const share = kept / (rows * cols);
        expect(share).toBeCloseTo(0.5, 10);
      }
    }
  });

  test('rounding up to whole groups is said where it shows', async () => {
    const plan = await planOf('two-block');
    const matrices = await layerOf(plan, 0);
    const said: string[] = [];
    const warn = (text: string): void => void said.push(text);
    await removedGroups(job(plan, 0, matrices, { rate: 0.25, warn }));
    expect(said).toEqual([
      'Groups go whole, and a layer has 2 key/value heads: more of them goes than was asked for.',
    ]);
    said.length = 0;
    await removedGroups(job(plan, 0, matrices, { rate: 0.5, warn }));
    expect(said).toEqual([]);
  });

  test('heads or channels stay where they are asked to', async () => {
    const plan = await planOf('two-block');
    const matrices = await layerOf(plan, 0);
    const kinds = async (params: LayerJob['params']): Promise<string[]> =>
      (await removedGroups(job(plan, 0, matrices, { params }))).map((x) => x.family.kind);
    expect(await kinds({ heads: false, channels: true })).toEqual(['channels']);
    expect(await kinds({ heads: true, channels: false })).toEqual(['heads']);
  });
});
