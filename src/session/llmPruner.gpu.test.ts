/** LLM-Pruner end to end: the groups of PyTorch's gradients, their losses, and the smaller model opened again. */
import { describe, expect, test } from 'vitest';
import { LabError } from '../core/errors';
import type { StructuredRecord } from '../core/report';
import type { LabSpec } from '../core/spec';
import { openModel } from '../formats/hfModel';
import { sliceTensor } from '../formats/sliceTensor';
import { wholeTensor } from '../formats/tensorBytes';
import { verifyExport } from '../formats/verifyExport';
import { planModel } from '../models/inspect';
import { groupsWithout } from '../pruning/structured/choose';
import { groupFamilies } from '../pruning/structured/groups';
import { fixtureJson, fixtureModel } from '../testing/fixtureFiles';
import { giveWindows, windowSpec, withLab, type LabFixture } from '../testing/labFixture';
import { folderOf, memorySink } from '../testing/memoryFolder';
import { TOLERANCE } from '../testing/tolerances';
import { exportTo } from './export';

interface Case {
  ids: number[][];
  removed: Record<string, Record<'heads' | 'channels', number[]>[]>;
  masked: Record<string, number[]>;
}
type Cases = Record<string, Case | undefined>;

const SPEC: Partial<LabSpec> = {
  pruner: 'llm-pruner',
  allocation: 'uniform',
  sparsity: 0.5,
  samples: 10,
  windows: 10,
};

const specOf = (change: Partial<LabSpec>, window: number): LabSpec =>
  windowSpec({ ...SPEC, window, ...change });

async function open({ lab, io }: LabFixture, name: string): Promise<{ case: Case; window: number }> {
  const found = (await fixtureJson<Cases>('llm-pruner', 'groups.json'))[name];
  if (!found) throw new Error(`no case ${name}`);
  await lab.load(await fixtureModel(name), io);
  for (const which of ['calibration', 'select', 'report'] as const) giveWindows(lab, which, found.ids);
  return { case: found, window: found.ids[0]?.length ?? 0 };
}

describe('heads and channels by the gradient of the loss', () => {
  for (const name of ['two-block', 'bias-bf16', 'phi3', 'gpt_neox', 'gpt2']) {
    test(`${name}: the groups and the losses of PyTorch`, () =>
      withLab(async (fixture) => {
        const { lab, io } = fixture;
        const { case: expected, window } = await open(fixture, name);
        const spec = specOf({}, window);
        const report = await lab.run(spec, 0, io);
        const found = await lab.withRecorder(io, 'masks', async (rec, meter) => {
          const { layers } = await lab.masks(spec, 0, rec, meter);
          const out: Record<string, number[]>[] = [];
          for (const { masks } of layers) {
            const words = await Promise.all(
              Object.entries(masks).map(async ([m, { buffer, rows, cols, wordsPerRow }]) => {
                const bits = new Uint32Array(await rec.read(buffer, 0, rows * wordsPerRow * 4));
                return [m, { rows, cols, words: bits }] as const;
              }),
            );
            const all = Object.fromEntries(words);
            const families = groupFamilies(lab.loaded.plan.config);
            out.push(Object.fromEntries(families.map((f) => [f.kind, groupsWithout(all, f)])));
          }
          return out;
        });
        expect(found).toEqual(expected.removed['0.5']);
        const losses = report.perplexity.losses?.pruned ?? [];
        const want = expected.masked['0.5'] ?? [];
        expect(losses.length).toBe(want.length);
        for (const [i, loss] of losses.entries())
          expect(Math.abs(loss - (want[i] ?? NaN))).toBeLessThan(TOLERANCE.densePerplexity);
      }));
  }
});

/** Exports a smaller model and opens it; its perplexity of the report text. */
async function shrink(
  fixture: LabFixture,
  name: string,
  change: Partial<LabSpec>,
): Promise<{
  files: Map<string, Uint8Array>;
  structured: StructuredRecord;
  pruned: number;
  reopened: number;
}> {
  const { lab, io } = fixture;
  await lab.load(await fixtureModel(name), io);
  const { vocabulary } = lab.loaded.plan.config;
  const ids = Array.from({ length: 2 }, (_, k) =>
    Array.from({ length: 32 }, (_, i) => (i * i * 7 + k * 31) % vocabulary),
  );
  for (const which of ['calibration', 'select', 'report'] as const) giveWindows(lab, which, ids);
  const spec = specOf(
    { samples: 2, windows: 2, ...change, set: { shrink: true, ...change.set } },
    ids[0]?.length ?? 0,
  );
  const { sink, files } = memorySink();
  const beta = spec.beta === 'auto' ? 0 : spec.beta;
  const { report } = await exportTo(lab, spec, beta, sink, { masks: false }, io);
  if (!report.structured) throw new Error('the report says nothing of what was removed');
  await lab.load(folderOf('smaller', files), io);
  const again = await lab.evaluate(spec, io);
  return {
    files,
    structured: report.structured,
    pruned: report.perplexity.pruned ?? NaN,
    reopened: again.perplexity.dense ?? NaN,
  };
}

describe('a smaller model', () => {
  const cases: [name: string, set: LabSpec['set'], heads: number][] = [
    ['two-block', {}, 1],
    ['bias-bf16', {}, 2],
    ['qwen3', {}, 1],
    ['qwen2', {}, 1],
    ['phi3', {}, 1],
    ['awkward', { heads: false }, 0],
    ['sharded-f16', { heads: false, importance: 'magnitude' }, 0],
    ['gpt2', { heads: false }, 0],
    ['opt', { heads: false }, 0],
    ['gpt_neox', { heads: false }, 0],
  ];
  for (const [name, set, heads] of cases) {
    test(`${name}: opened again it has the perplexity of the masked model; tensors are cut from the originals`, () =>
      withLab(async (fixture) => {
        const before = planModel(await openModel(await fixtureModel(name)));
        const { files, structured, pruned, reopened } = await shrink(fixture, name, { set });
        expect(Math.abs(reopened / pruned - 1)).toBeLessThan(TOLERANCE.densePerplexity);
        expect(structured.heads.map((h) => h.length)).toEqual(before.prunablePerLayer.map(() => heads));
        expect(structured.channels.every((c) => c.length === Math.ceil(before.config.inner / 2))).toBe(true);

        const after = planModel(await openModel(folderOf('smaller', files)));
        expect(after.parameters).toBe(structured.parameters.after);
        expect(after.parameters).toBeLessThan(before.parameters);
        expect(structured.bytes.after).toBe(after.opened.totalBytes);
        expect(structured.bytes.before).toBe(before.opened.totalBytes);
        const perHead = before.config.heads / before.config.kvHeads;
        expect(after.config).toMatchObject({
          heads: before.config.heads - heads * perHead,
          kvHeads: before.config.kvHeads - heads,
          headDim: before.config.headDim,
        });
        // Everything but the cut matrices and biases is the original's, byte for byte.
        for (const tensor of before.tensors) {
          const now = after.opened.tensors.get(tensor.entry.name);
          if (!now) throw new Error(`${tensor.entry.name} is gone`);
          expect(now.dtype).toBe(tensor.entry.dtype);
          if (tensor.role.kind !== 'matrix' && tensor.role.kind !== 'bias')
            expect(await wholeTensor(now)).toEqual(await wholeTensor(tensor.entry));
        }
        // The down projection has lost the columns that are listed.
        for (const [layer, channels] of structured.channels.entries()) {
          const down = before.tensors.find(
            (t) => t.role.kind === 'matrix' && t.role.matrix === 'down' && t.role.layer === layer,
          );
          if (!down) throw new Error('there is no down projection');
          const kept = Array.from({ length: down.cols }, (_, c) => c).filter((c) => !channels.includes(c));
          const [rows = 0, cols = 0] = down.entry.shape;
          const want = sliceTensor(
            await wholeTensor(down.entry),
            { rows, cols },
            down.entry.dtype === 'F32' ? 4 : 2,
            down.transposed ? { rows: kept, cols: null } : { rows: null, cols: kept },
          );
          const now = after.opened.tensors.get(down.entry.name);
          expect(now && (await wholeTensor(now))).toEqual(want);
        }
      }));
  }

  test('verify finds another config, and heads that are listed and not gone', () =>
    withLab(async (fixture) => {
      const { files } = await shrink(fixture, 'two-block', {});
      const check = async (): Promise<string[]> => {
        const of = (path: string): Uint8Array => files.get(path) ?? new Uint8Array();
        const { differences } = await verifyExport({
          list: async () => [...files.keys()],
          size: async (path) => of(path).byteLength,
          read: async (path, begin, end) => of(path).slice(begin, end),
        });
        return differences;
      };
      expect(await check()).toEqual([]);
      const edit = (path: string, from: RegExp, to: string): void => {
        const text = new TextDecoder().decode(files.get(path));
        expect(text).toMatch(from);
        files.set(path, new TextEncoder().encode(text.replace(from, to)));
      };
      edit('config.json', /"intermediate_size": 48/, '"intermediate_size": 47');
      expect((await check()).join()).toMatch(/intermediate_size is 47, the report says 48/);
      edit('config.json', /"intermediate_size": 47/, '"intermediate_size": 48');
      edit('pruning.json', /"heads": \[\s*\[\s*\d\s*\]/, '"heads": [[0, 1]');
      expect((await check()).join()).toMatch(/not every layer has lost as many heads/);
    }));

  const refused: [what: string, name: string, change: Partial<LabSpec>, why: RegExp][] = [
    [
      'another number in each layer',
      'two-block',
      { layerSparsity: [0.25, 0.5] },
      /as many, since its config/,
    ],
    ['ATP with a slope', 'two-block', { allocation: 'atp', beta: 0.05 }, /the allocation "atp" takes more/],
    ['a range of layers', 'two-block', { set: { firstLayer: 1 } }, /range of layers/],
    ['heads whose size follows from their number', 'gpt2', {}, /has no size of a head of its own/],
    ['norms over all heads', 'olmo2', {}, /normalised over all heads/],
    ['heads that do not divide the width', 'bias-bf16', { sparsity: 0.25 }, /divide by the 3 heads/],
    ['every channel', 'two-block', { sparsity: 1 }, /would go/],
  ];
  for (const [what, name, change, why] of refused)
    test(`${what} is refused`, () =>
      withLab(async (fixture) => {
        const caught = await shrink(fixture, name, change).then(
          () => null,
          (error: unknown) => LabError.from(error),
        );
        expect(caught?.kind).toBe('SpecError');
        expect(caught?.message).toMatch(why);
        expect(caught?.remedy).toBeTruthy();
      }));
});
