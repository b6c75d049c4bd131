/** LLM-Pruner on one layer: scores its groups, removes the least important ones, gives their masks. */
import type { ChooseLayer, LayerJob, MatrixChoice, Params } from '../pruners/define';
import { fullMask, leastImportant, maskGroups, removedCount } from './choose';
import { groupFamilies, type GroupFamily, type GroupKind } from './groups';
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

/** Rounding to whole groups up to this share is not worth a word. */
const COARSE = 0.05;

const NAMES: Record<GroupKind, string> = { heads: 'key/value heads', channels: 'MLP channels' };

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
    const count = removedCount(family.count, job.rate);
    if (count / family.count - job.rate > COARSE)
      job.warn(
        `Groups go whole, and a layer has ${family.count} ${NAMES[family.kind]}: more of them goes than was asked for.`,
      );
    out.push({ family, groups: leastImportant(importance, count) });
  }
  return out;
}

/** The families that these parameters let go. */
export function prunedFamilies(families: readonly GroupFamily[], params: Params): GroupFamily[] {
  return families.filter((family) => params[family.kind] !== false);
}
