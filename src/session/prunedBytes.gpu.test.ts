/** The two ways in which an export gets at pruned weights give the same bytes. */
import { expect, test } from 'vitest';
import { openModel } from '../formats/hfModel';
import { planModel } from '../models/inspect';
import { loadModel } from '../models/load';
import { allocPrunedLayer, keptWeight, maskOf } from '../pruning/masks';
import { fixtureModel } from '../testing/fixtureFiles';
import { runOnGpu } from '../testing/gpuFixture';
import { PrunedBytes } from './prunedBytes';

for (const name of ['two-block', 'awkward', 'gqa-f16', 'gpt2'])
  test(`${name}: masks over the file's bytes, and masked weights from the GPU`, () =>
    runOnGpu(async ({ ctx, rec, scope }) => {
      const model = await loadModel(ctx, planModel(await openModel(await fixtureModel(name))));
      const layers = model.layers.map((_, layer) => allocPrunedLayer(scope, model, layer, true));
      try {
        await scope.ready();
        let state = 5;
        for (const [layer, pruned] of layers.entries())
          for (const matrix of Object.keys(pruned.masks)) {
            const { buffer, rows, wordsPerRow } = maskOf(pruned.masks, matrix);
            const words = Uint32Array.from({ length: rows * wordsPerRow }, () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0)); // prettier-ignore
            rec.write(buffer, 0, words);
            const from = model.layers[layer]?.matrices[matrix]?.shards ?? [];
            for (const [i, { buffer: to }] of keptWeight(model, pruned, layer, matrix).shards.entries()) {
              const shard = from[i];
              if (shard) rec.copy(shard.buffer, 0, to, 0, to.bytes);
            }
          }
        const fromGpu = new PrunedBytes(rec, scope, model, layers);
        const fromFile = new PrunedBytes(rec, scope, model, layers.map(({ masks }) => ({ masks }))); // prettier-ignore
        await scope.ready();
        for (const matrix of model.plan.prunable) {
          const expected = await fromGpu.of(matrix);
          await fromGpu.settle();
          expect(await fromFile.of(matrix)).toEqual(expected);
          await fromFile.settle();
          expect(expected.includes(0)).toBe(true);
        }
      } finally {
        model.scope.close();
      }
    }));
