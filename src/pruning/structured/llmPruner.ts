/** LLM-Pruner on one layer: scores its groups, removes the least important ones, gives their masks. */
import type { ChooseLayer, LayerJob, MatrixChoice, Params } from '../pruners/define';
import { fullMask, leastImportant, maskGroups, removedCount } from './choose';
import { groupFamilies, type GroupFamily } from './groups';
import { groupImportance, type ScoredMatrix } from './importance';

export const chooseLayer: ChooseLayer = async (job) => {
  const masks = Object.fromEntries(
    Object.entries(job.matrices).map(([name, { rows, cols }]) => [name, fullMask(rows, cols)]),
  );
  for (const { family, groups } of await removedGroups(job)) maskGroups(masks, family, groups);
  return Object.fromEntries(
    Object.entries(masks).map(([name, { words }]): [string, MatrixChoice] => [name, { kept: words }]),
  );
};

/** The groups of each family that go. */
export async function removedGroups(job: LayerJob): Promise<{ family: GroupFamily; groups: number[] }[]> {
  const matrices: Record<string, ScoredMatrix> = Object.fromEntries(
    Object.entries(job.matrices).map(([name, { rows, cols, weights }]) => [
      name,
      { rows, cols, weights, gradient: job.gradients?.[name] },
    ]),
  );
  const out: { family: GroupFamily; groups: number[] }[] = [];
  for (const family of prunedFamilies(groupFamilies(job.config), job.params)) {
    const importance = await groupImportance(family, matrices, job.pace);
    out.push({ family, groups: leastImportant(importance, removedCount(family.count, job.rate)) });
  }
  return out;
}

/** The families that these parameters let go. */
export function prunedFamilies(families: readonly GroupFamily[], params: Params): GroupFamily[] {
  return families.filter((family) => params[family.kind] !== false);
}
