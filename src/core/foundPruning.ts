/** Pruning that a model brings with it, as it is found when it is opened, and what follows from it. Pure. */
import type { RunReport } from './report';

export interface FoundPruning {
  /** Fraction of zeros among the prunable weights. */
  achieved: number;
  /** The same of each layer. */
  layers: number[];
  /** K:M when all prunable weights fall into such groups and that explains the zeros; null otherwise or unknown. */
  pattern: string | null;
  /** The export that the model says it is: the report of its pruning.json. */
  record: {
    report: Pick<RunReport, 'id' | 'version' | 'spec' | 'model'>;
    /** The weight files are those that were exported. */
    matches: boolean;
  } | null;
}

/** Fewer zeros than this stand in weights that nobody pruned. */
const MIN_SHARE = 0.01;

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

export function wasPruned({ achieved, record }: FoundPruning): boolean {
  return achieved > MIN_SHARE || record !== null;
}

/** What was found, in words; null for a model that is not pruned. */
export function describeFound(found: FoundPruning): string | null {
  if (!wasPruned(found)) return null;
  const { achieved, layers, pattern, record } = found;
  const low = Math.min(...layers);
  const high = Math.max(...layers);
  const range =
    layers.length > 1 && high - low > 0.001 ? ` (layers from ${percent(low)} to ${percent(high)})` : '';
  const groups = pattern === null ? '' : `, ${pattern} in every group`;
  return `${percent(achieved)} of the prunable weights are zero already${range}${groups}.${describeRecord(record)} ${FOLLOWS}`;
}

/** True of every pruner that scores: a zero has the smallest score there is. */
const FOLLOWS =
  'These zeros count in every sparsity that is reported and are taken first: asking for fewer removes hardly anything, asking for more adds the difference.';

function describeRecord(record: FoundPruning['record']): string {
  if (!record) return '';
  const { spec, model } = record.report;
  const rate = spec.pattern === 'free' ? `sparsity ${spec.sparsity}` : spec.pattern;
  const made = `${spec.pruner}, ${spec.allocation}, ${rate}, made from ${model.name}`;
  return record.matches
    ? ` It is an export of this lab (${made}); the hashes in its pruning.json match.`
    : ` Its pruning.json says that it is an export (${made}), but the weights are not those that were exported.`;
}
