/** What a model's files say of pruning done before: zeros, K:M groups, and the record of an export beside them. */
import type { RunReport } from '../core/report';
import { parseJson, readText } from '../formats/json';
import type { OpenedModel } from '../formats/hfModel';
import { tensorPieces } from '../formats/tensorBytes';
import { foundSparsity, ZeroScan, type FoundSparsity } from '../formats/zeroScan';
import type { ModelPlan } from './inspect';

const RECORD = 'pruning.json';
const MAX_RECORD_BYTES = 64 << 20;

/** Reads every prunable matrix once, in pieces; nothing of the model's size is kept. */
export async function scanSparsity(plan: ModelPlan, signal?: AbortSignal): Promise<FoundSparsity> {
  const scans: { name: string; layer: number; scan: ZeroScan }[] = [];
  const entries = new Map(plan.tensors.map((t) => [t.entry.name, t.entry]));
  for (const matrix of plan.prunable) {
    const entry = entries.get(matrix.name);
    if (!entry) continue;
    const scan = new ZeroScan(entry.dtype, matrix);
    for await (const { bytes } of tensorPieces(entry, signal)) scan.add(bytes);
    scans.push({ name: matrix.name, layer: matrix.layer, scan });
  }
  return foundSparsity(scans, plan.config.layers);
}

/** The record of an export that lies beside the weights. */
export interface ExportRecord {
  report: RunReport;
  files: Record<string, string>;
}

/** Null where there is none; one that cannot be read is said in `warn` and taken as none. */
export async function recordBeside(
  opened: OpenedModel,
  warn: (text: string) => void,
): Promise<ExportRecord | null> {
  if (!opened.files.paths.some(({ path }) => path === RECORD)) return null;
  try {
    // With the first use: few models have a record, and the checks are large.
    const { isReport, parseStoredReport } = await import('../core/storedReport');
    const text = await readText(await opened.files.open(RECORD), MAX_RECORD_BYTES);
    const value = parseJson(RECORD, text);
    // Other programs write files of this name too.
    if (!isReport(value)) return null;
    const { report, files } = parseStoredReport(RECORD, value);
    return files && { report, files };
  } catch (cause) {
    warn(
      `${RECORD} beside the weights is left out: ${cause instanceof Error ? cause.message : String(cause)}`,
    );
    return null;
  }
}

/** SHA-256 that the record states for each weight file, in the order in which they are read; null where one is absent. */
export function recordedHashes(opened: OpenedModel, files: Record<string, string>): string[] | null {
  const hashes = opened.weightFiles.map(({ path }) => (Object.hasOwn(files, path) ? files[path] : undefined));
  const known = hashes.filter((hash) => hash !== undefined);
  return known.length === hashes.length ? known : null;
}
