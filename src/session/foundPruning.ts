/** What a model that was just loaded brings with it of earlier pruning. */
import type { FoundPruning } from '../core/foundPruning';
import { sha256Hex } from '../core/hash';
import { recordBeside, recordedHashes } from '../models/alreadyPruned';
import type { LoadedModel } from '../models/load';

/** Zeros as they were counted while loading; the record's hashes against those of the files that were read. */
export async function foundPruning(model: LoadedModel, warn: (text: string) => void): Promise<FoundPruning> {
  const { plan, zeros } = model;
  const share = (of: typeof plan.prunable): number =>
    of.reduce((sum, { name }) => sum + (zeros.get(name) ?? 0), 0) /
    (of.reduce((sum, { count }) => sum + count, 0) || 1);
  const record = await recordBeside(plan.opened, warn);
  const hashes = record && recordedHashes(plan.opened, record.files);
  return {
    achieved: share(plan.prunable),
    layers: Array.from({ length: plan.config.layers }, (_, i) =>
      share(plan.prunable.filter(({ layer }) => layer === i)),
    ),
    pattern: null,
    record: record && {
      report: record.report,
      matches: hashes !== null && (await sha256Hex(hashes.join(''))) === model.sha256,
    },
  };
}
