/** A model that was pruned before: recognised when it is loaded, and pruned again with its zeros counted. */
import { describe, expect, test } from 'vitest';
import { parseStoredReport } from '../core/storedReport';
import { fixtureModel } from '../testing/fixtureFiles';
import { giveWindows, windowSpec, withLab, type LabFixture } from '../testing/labFixture';
import { folderOf, memorySink } from '../testing/memoryFolder';
import { exportTo } from './export';

const window = (shift: number): number[] => Array.from({ length: 32 }, (_, i) => (i * 37 + shift) % 300);

/** Loads the two-block model and exports it, pruned as `change` says. */
async function exported(
  { lab, io }: LabFixture,
  change: Parameters<typeof windowSpec>[0],
): Promise<Map<string, Uint8Array>> {
  await lab.load(await fixtureModel('two-block'), io);
  for (const [i, which] of (['calibration', 'select', 'report'] as const).entries())
    giveWindows(lab, which, [window(i), window(i + 50)]);
  const { sink, files } = memorySink();
  await exportTo(lab, windowSpec(change), 0, sink, { masks: false }, io);
  return files;
}

describe('a model that was pruned before', () => {
  test('a dense model has nothing to be found', () =>
    withLab(async ({ lab, io }) => {
      const { found } = await lab.load(await fixtureModel('two-block'), io);
      expect(found).toMatchObject({ pattern: null, record: null });
      expect(found.achieved).toBeLessThan(0.001);
    }));

  test('an export is recognised, K:M groups too; its report is read back whole; changed weights are said', () =>
    withLab(async (fixture) => {
      const { lab, io } = fixture;
      const files = await exported(fixture, { pattern: '2:4', sparsity: 0.5 });
      const base = lab.loaded.record.sha256;
      const pruned = await lab.load(folderOf('pruned', files), io);
      expect(pruned.found.pattern).toBe('2:4');
      expect(pruned.found.achieved).toBeCloseTo(0.5, 3);
      expect(pruned.found.record).toMatchObject({ matches: true, report: { model: { sha256: base } } });
      expect(pruned.warnings.join()).toMatch(/zero already, 2:4 in every group\. It is an export/);

      const record = JSON.parse(new TextDecoder().decode(files.get('pruning.json'))) as Record<
        string,
        unknown
      >;
      const { files: hashes, tensors: _t, shapes: _s, ...report } = record;
      expect(parseStoredReport('pruning.json', record)).toEqual({ report, files: hashes });

      const weights = files.get('model.safetensors') ?? new Uint8Array();
      files.set(
        'model.safetensors',
        weights.map((byte, i) => (i === weights.length - 1 ? byte ^ 1 : byte)),
      );
      const changed = await lab.load(folderOf('changed', files), io);
      expect(changed.found.record?.matches).toBe(false);
      expect(changed.warnings.join()).toMatch(/not those that were exported/);
    }));

  test.each(['wanda', 'magnitude'])('%s again: zeros that are there count, and go first', (pruner) =>
    withLab(async (fixture) => {
      const { lab, io } = fixture;
      const files = await exported(fixture, { pruner, sparsity: 0.5, allocation: 'uniform' });
      const { found } = await lab.load(folderOf('pruned', files), io);
      const run = (sparsity: number) =>
        lab.run(windowSpec({ pruner, sparsity, allocation: 'uniform' }), 0, io);
      const fewer = await run(0.3);
      expect(fewer.sparsity?.achieved).toBe(found.achieved);
      expect(fewer.perplexity.pruned).toBe(fewer.perplexity.dense);
      const more = await run(0.7);
      const first = await (async () => {
        await lab.load(await fixtureModel('two-block'), io);
        return run(0.7);
      })();
      // The zeros of the first half are among those of the whole: the same count as in one go.
      expect(more.sparsity?.achieved).toBe(first.sparsity?.achieved);
    }),
  );
});
