/** What a model that was just loaded brings with it of earlier pruning. */
import type { FoundPruning } from '../core/foundPruning';
import { sha256Hex } from '../core/hash';
import { foundSparsity } from '../formats/zeroScan';
import { recordBeside, recordedHashes } from '../models/alreadyPruned';
import type { LoadedModel } from '../models/load';

/** Zeros as they were counted while loading; the record's hashes against those of the files that were read. */
export async function foundPruning(model: LoadedModel, warn: (text: string) => void): Promise<FoundPruning> {
  const { plan, scans } = model;
  const found = foundSparsity(
    plan.prunable.flatMap(({ name, layer }) => {
      const scan = scans.get(name);
      return scan ? [{ name, layer, scan }] : [];
    }),
    plan.config.layers,
  );
  const record = await recordBeside(plan.opened, warn);
  const hashes = record && recordedHashes(plan.opened, record.files);
  return {
    achieved: found.achieved,
    layers: found.layers,
    pattern: found.pattern,
    record: record && {
      report: record.report,
      matches: hashes !== null && (await sha256Hex(hashes.join(''))) === model.sha256,
    },
  };
}

/** The K:M pattern that explains the zeros which the model brought; null where none does. */
export async function foundPattern(model: LoadedModel): Promise<string | null> {
  return (await foundPruning(model, () => undefined)).pattern;
}
